// The images that are in sight, as cards in rows. All others have no element: thousands of images stay fluent.

const WIDTH = 21; // of a card at least, in rem
const GAP = 0.5; // between cards, in rem
const AHEAD = 2; // rows above and below what is in sight

const scroller = byId("scroll"), list = byId("cards");
const cards = new Map(); // from position among the shown images to element
let shown = []; // places of the images that the filters let through
let current = 0; // position of the chosen image among these
let columns = 1, cardWidth = 0, rowHeight = 0, gap = 0;

/** The chosen image's place; undefined if none is shown. */
const chosen = () => shown[current];

/** Show these images, and choose the one at a position. */
function show(places, position) {
  shown = places;
  current = Math.max(0, Math.min(position, shown.length - 1));
  layOut();
}

/** Measure, and make all cards anew. */
function layOut() {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  gap = GAP * rem;
  columns = data.picture ? Math.max(1, Math.floor((list.clientWidth + gap) / (WIDTH * rem + gap))) : 1;
  cardWidth = (list.clientWidth + gap) / columns - gap;
  clearCards();
  byId("nothing").hidden = shown.length > 0;
  if (shown.length > 0) {
    const first = makeCard(0);
    list.append(first);
    rowHeight = first.offsetHeight + gap;
    first.remove();
  }
  list.style.height = `${Math.ceil(shown.length / columns) * rowHeight}px`;
  render();
}

function clearCards() {
  for (const card of cards.values()) card.remove();
  cards.clear();
}

/** Make the cards that have come into sight, and remove those that are out of it. */
function render() {
  if (shown.length === 0) return;
  const top = Math.floor(scroller.scrollTop / rowHeight) - AHEAD;
  const rows = Math.ceil(scroller.clientHeight / rowHeight) + 2 * AHEAD;
  const first = Math.max(0, top * columns), end = Math.min(shown.length, (top + rows) * columns);
  for (const [position, card] of cards) {
    if (position >= first && position < end) continue;
    card.remove();
    cards.delete(position);
  }
  for (let position = first; position < end; position++) {
    if (!cards.has(position)) cards.set(position, makeCard(position));
  }
  list.append(...[...cards].filter(([, card]) => !card.isConnected).map(([, card]) => card));
  const active = cards.get(current);
  if (active) list.setAttribute("aria-activedescendant", active.id);
  else list.removeAttribute("aria-activedescendant");
}

/** Make the card of an image anew after a decision. */
function refresh(places) {
  const changed = new Set(places);
  for (const [position, card] of cards) {
    if (!changed.has(shown[position])) continue;
    const made = makeCard(position);
    card.replaceWith(made);
    cards.set(position, made);
  }
}

/** Choose the image at a position, and bring it into sight. */
function choose(position) {
  const before = cards.get(current);
  before?.setAttribute("aria-selected", "false");
  current = Math.max(0, Math.min(position, shown.length - 1));
  const top = Math.floor(current / columns) * rowHeight;
  const lowest = top + rowHeight - scroller.clientHeight;
  if (scroller.scrollTop > top) scroller.scrollTop = top;
  else if (scroller.scrollTop < lowest) scroller.scrollTop = lowest;
  render();
  cards.get(current)?.setAttribute("aria-selected", "true");
}

function makeCard(position) {
  const place = shown[position], label = decided.get(place), decision = decisionText(place, label);
  const suggested = suggestionText(data.suggested[place]);
  const given = className(data.given[place]), quality = data.quality[place].toFixed(3);
  const spoken = `${shownName(place)}: given ${given}, suggested ${suggested}, quality ${quality}, ${decision || "open"}`;
  const card = element("div", {
    className: `card ${kindOf(place)}`, id: `card-${place}`, role: "option", "aria-label": spoken,
    "aria-selected": String(position === current), "aria-posinset": position + 1, "aria-setsize": shown.length,
  });
  card.dataset.position = position;
  card.style.width = `${cardWidth}px`;
  const left = (position % columns) * (cardWidth + gap), top = Math.floor(position / columns) * rowHeight;
  card.style.transform = `translate(${left}px, ${top}px)`;
  if (data.picture) card.append(picture(data.picture[place], `image of ${shownName(place)}, given ${given}`, "picture"));
  card.append(
    labelLine("given", given, data.beside[0][place]),
    labelLine("suggested", suggested, data.beside[1][place]),
    element("div", { className: "name", title: shownName(place) }, element("bdi", {}, shownName(place))),
    element("div", { className: "quality" }, `quality ${quality}`),
    element("div", { className: "decision" }, decision),
  );
  return card;
}

/** A label with the similar clean images of its class: pictures, or names where there are none. */
function labelLine(kind, name, beside) {
  const similar = beside.map((image) => {
    const about = `clean image of ${name}: ${data.clean.name[image]}`;
    if (data.clean.picture) return picture(data.clean.picture[image], about, "similar");
    return element("span", { className: "similar", title: about }, data.clean.name[image]);
  });
  const label = element("div", { className: "label" }, element("small", {}, kind), element("b", { title: name }, name));
  return element("div", { className: `line ${kind}` }, label, element("div", { className: "beside" }, ...similar));
}

function picture(content, about, className) {
  return element("img", { src: `data:image/webp;base64,${content}`, alt: about, title: about, className, decoding: "async" });
}
