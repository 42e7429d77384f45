// Which images are shown.

const lowerNames = Array.from({ length: images }, (_, place) => shownName(place).toLowerCase());

/** Places of the images that all filters let through, in the page's order. */
function matching() {
  const search = byId("search").value.trim().toLowerCase();
  const given = byId("class").value;
  const pair = byId("pair").value;
  const state = byId("state").value;
  const quality = Number(byId("quality").value);
  const suspects = byId("suspects").checked;
  const found = [];
  for (let place = 0; place < images; place++) {
    if (suspects && !data.suspect[place]) continue;
    if (quality < 1 && data.quality[place] > quality) continue;
    if (given !== "" && data.given[place] !== Number(given)) continue;
    if (pair !== "" && pairOf(place) !== pair) continue;
    if (state !== "" && !isInState(place, state)) continue;
    if (search !== "" && !lowerNames[place].includes(search)) continue;
    found.push(place);
  }
  return found;
}

function isInState(place, state) {
  const kind = kindOf(place);
  return state === "decided" ? kind !== "open" : kind === state;
}

/** The value of the filter by pair, which an image belongs to; null without a suggestion. */
function pairOf(place) {
  return data.suggested[place] === NONE ? null : `${data.given[place]} ${data.suggested[place]}`;
}

/** List classes and pairs with their numbers of images, among those that look wrong if only these are shown. */
function listChoices() {
  const classes = new Map(), pairs = new Map();
  const add = (counts, key) => counts.set(key, (counts.get(key) ?? 0) + 1);
  for (let place = 0; place < images; place++) {
    if (byId("suspects").checked && !data.suspect[place]) continue;
    add(classes, data.given[place]);
    if (pairOf(place)) add(pairs, pairOf(place));
  }
  const byClass = [...classes].sort(([one], [other]) => one - other);
  fillSelect("class", "any class", byClass.map(([label, number]) => [label, `${className(label)} (${number})`]));
  const byCount = [...pairs].sort(([, one], [, other]) => other - one);
  fillSelect("pair", "any pair", byCount.map(([pair, number]) => {
    const [given, suggested] = pair.split(" ").map(Number);
    return [pair, `${className(given)} → ${suggestionText(suggested)} (${number})`];
  }));
}

/** Give a select its options, as [value, text], after one for all; the choice stays if it is still there. */
function fillSelect(id, all, options) {
  const select = byId(id);
  const before = select.value;
  select.replaceChildren(...[["", all], ...options].map(([value, textContent]) => element("option", { value, textContent })));
  select.value = before;
  if (select.selectedIndex < 0) select.value = "";
}
