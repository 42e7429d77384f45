// The page's content: columns with a value per image, the most suspicious label first. An image goes by its place in them.

const DROP = -1; // a decision is a class, or this one; and so is a suggestion
const NONE = -2; // for an image without a suggestion

const byId = (id) => document.getElementById(id);

const data = JSON.parse(byId("data").textContent);
byId("data").textContent = ""; // frees many megabytes
const images = data.index.length;

/** The class's name for people; a name of blanks alone would be invisible. */
function className(label) {
  return data.classes[label].trim() === "" ? JSON.stringify(data.classes[label]) : data.classes[label];
}

/** A suggestion in words. */
function suggestionText(label) {
  if (label === NONE) return "none";
  return label === DROP ? "drop it" : className(label);
}

/** What an image is called in the audit and in labels.csv: its file, or else its index. */
function imageName(place) {
  return data.file ? data.file[place] : String(data.index[place]);
}

/** The same for people. */
function shownName(place) {
  return data.file ? data.file[place] : `image ${data.index[place]}`;
}

/** A decision in a word or two; "" for none. */
function decisionText(place, label) {
  if (label === undefined) return "";
  if (label === DROP) return "dropped";
  return label === data.given[place] ? "kept" : `→ ${className(label)}`;
}

/** An element with properties and children, which are elements or text. Text is never read as HTML. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** "1 image", "2 images". */
function count(number, what) {
  return `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
}
