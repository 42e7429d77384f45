// What happens on a key, a click or a file.

/** Filter anew, and choose the image at a position; without one the first, with the list at its top. */
function filter(position) {
  byId("quality-value").textContent = Number(byId("quality").value).toFixed(2);
  const start = position === undefined;
  show(matching(), start ? 0 : position);
  if (start) scroller.scrollTop = 0;
  choose(current);
  describe();
}

/** Say what is chosen, what is decided and where it is kept. */
function describe() {
  const place = chosen(), none = place === undefined;
  for (const id of ["keep", "relabel", "as", "drop", "clear"]) byId(id).disabled = none;
  byId("undo").disabled = past.length === 0;
  byId("chosen").textContent = none ? "no image" : `${current + 1} of ${shown.length}: ${shownName(place)}`;
  byId("chosen").title = none ? "" : shownName(place);
  if (!none) {
    const label = decided.get(place), change = label !== undefined && label !== DROP && label !== data.given[place];
    const wanted = change ? label : data.suggested[place];
    byId("as").value = wanted >= 0 ? wanted : "";
  }
  const { keep, relabel, drop } = tally();
  const where = kept ? "this browser keeps them" : "this browser does not keep them: save labels.csv before you leave";
  byId("status").textContent = `${keep} kept, ${relabel} relabelled, ${drop} dropped; ${where}`;
  byId("status").classList.toggle("warning", !kept);
}

/** Decide on the chosen image (undefined: forget the decision), and go on to the next one. */
function decideOn(label) {
  const place = chosen();
  if (place === undefined) return;
  decide([[place, label]]);
  const next = label === undefined ? current : current + 1;
  if (byId("state").value === "") {
    refresh([place]);
    choose(next);
    describe();
  } else {
    const still = matching().includes(place);
    filter(still ? next : current);
  }
}

const actions = {
  keep: () => decideOn(data.given[chosen()]),
  relabel: () => (byId("as").value === "" ? byId("as").focus() : decideOn(Number(byId("as").value))),
  drop: () => decideOn(DROP),
  clear: () => decided.has(chosen()) && decideOn(undefined),
  undo: () => {
    const places = undo();
    const position = shown.indexOf(places[0]);
    filter(position < 0 ? current : position);
  },
};

const KEYS = {
  k: actions.keep, r: actions.relabel, d: actions.drop, x: actions.clear, u: actions.undo,
  c: () => byId("as").focus(),
  "/": () => byId("search").focus(),
  ArrowRight: () => go(1), ArrowLeft: () => go(-1), ArrowDown: () => go(columns), ArrowUp: () => go(-columns),
  PageDown: () => go(columns * rowsInSight()), PageUp: () => go(-columns * rowsInSight()),
  Home: () => go(-shown.length), End: () => go(shown.length),
};

const rowsInSight = () => Math.max(1, Math.floor(scroller.clientHeight / rowHeight));

function go(steps) {
  choose(current + steps);
  describe();
}

/** Whether a key is for the field that has the focus: letters go into text and lists, arrows move a slider. */
function isTyped({ target, key }) {
  return target.matches('select, input[type="search"]') || (target.matches("input") && key.length > 1);
}

function save() {
  const url = URL.createObjectURL(new Blob([writeLabels(decided)], { type: "text/csv" }));
  element("a", { href: url, download: "labels.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  unsaved = false;
}

async function load(file) {
  try {
    const found = readLabels(new Uint8Array(await file.arrayBuffer()));
    decide([...found.decided]);
    filter(current);
    const others = found.others ? `; ${count(found.others, "row")} of images that this page does not have were left out` : "";
    byId("status").textContent = `${count(found.decided.size, "decision")} of ${file.name} taken over${others}`;
  } catch (error) {
    byId("status").textContent = `${file.name} was not loaded: ${error.message}`;
    byId("status").classList.add("warning");
  }
}

function start() {
  const suspects = data.suspect.filter(Boolean).length;
  const all = images < data.total ? `${count(images, "image")} of ${data.total.toLocaleString("en")}` : count(images, "image");
  byId("summary").textContent = `${suspects.toLocaleString("en")} of ${all} look wrong, the most suspicious first`;
  byId("report").textContent = data.report;
  byId("notes").append(...data.notes.map((note) => element("li", {}, note)));
  document.body.classList.toggle("plain", data.picture === null);
  document.body.classList.toggle("small", data.side <= 32);
  byId("suspects").defaultChecked = suspects > 0;
  const names = data.classes.map((_, label) => [label, className(label)]);
  fillSelect("as", "(choose a class)", names);
  recall();
  listChoices();
  filter();
  list.focus({ preventScroll: true });
}

for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
byId("save").addEventListener("click", save);
byId("load").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", ({ target }) => {
  if (target.files.length) load(target.files[0]).then(() => { target.value = ""; });
});
byId("filters").addEventListener("input", ({ target }) => {
  if (target.id === "suspects") listChoices();
  filter();
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("all").addEventListener("click", (event) => {
  event.preventDefault();
  byId("filters").reset();
  byId("suspects").checked = false;
  listChoices();
  filter();
});
byId("as").addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === "Escape") {
    event.preventDefault();
    if (event.key === "Enter" && byId("as").value !== "") actions.relabel();
    list.focus({ preventScroll: true });
  }
});
byId("filters").addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === "Escape") {
    event.preventDefault();
    list.focus({ preventScroll: true });
  }
});
list.addEventListener("click", (event) => {
  const card = event.target.closest(".card");
  if (card) go(Number(card.dataset.position) - current);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyped(event)) return;
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
scroller.addEventListener("scroll", render, { passive: true });
new ResizeObserver(() => { layOut(); }).observe(list.parentElement);
addEventListener("beforeunload", (event) => { if (unsaved && !kept) event.preventDefault(); });
start();
