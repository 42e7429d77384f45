// Decisions on images, how they are undone, and how the browser keeps them.

const decided = new Map(); // from place to class or DROP
const past = []; // of every step, the decisions that it replaced: lists of [place, class, DROP or undefined]
let unsaved = false; // whether there are decisions that no labels.csv has
let kept = true; // whether the browser keeps decisions

const storageKey = `labels:${data.key}`;

/** Set decisions, a list of [place, class, DROP or undefined for none], in a step that can be undone. */
function decide(changes) {
  past.push(changes.map(([place]) => [place, decided.get(place)]));
  apply(changes);
}

/** Undo the last step; returns the places that it was about, an empty list if there is none. */
function undo() {
  const changes = past.pop() ?? [];
  apply(changes);
  return changes.map(([place]) => place);
}

function apply(changes) {
  for (const [place, label] of changes) {
    if (label === undefined) decided.delete(place);
    else decided.set(place, label);
  }
  unsaved = unsaved || changes.length > 0;
  keep();
}

/** Keep the decisions in the browser, by the images' indices: a page with more images has other places. */
function keep() {
  try {
    const content = Object.fromEntries([...decided].map(([place, label]) => [data.index[place], label]));
    localStorage.setItem(storageKey, JSON.stringify(content));
    kept = true;
  } catch {
    kept = false; // refused, or full
  }
}

/** Read the decisions that the browser has kept; returns how many there are. */
function recall() {
  try {
    const content = JSON.parse(localStorage.getItem(storageKey) ?? "{}");
    data.index.forEach((index, place) => {
      const label = content[index];
      if (Number.isInteger(label) && label >= DROP && label < data.classes.length) decided.set(place, label);
    });
  } catch {
    kept = false;
  }
  return decided.size;
}

/** How many images are kept, relabelled and dropped. */
function tally() {
  const found = { keep: 0, relabel: 0, drop: 0 };
  for (const place of decided.keys()) found[kindOf(place)]++;
  return found;
}

/** The kind of an image's decision: keep, relabel, drop, or open. */
function kindOf(place) {
  const label = decided.get(place);
  if (label === undefined) return "open";
  if (label === DROP) return "drop";
  return label === data.given[place] ? "keep" : "relabel";
}
