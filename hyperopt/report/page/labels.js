// labels.csv, which a training reads: columns file or index, given_label (the data set's own label, which is replaced)
// and label, with an empty label for an image that is left out. Where the data set's own labels are the true ones there is
// no given_label. Images without a decision have the rows `data.carried`: those that the run was given other labels for.
//
// Names of files can have any bytes. Python has a byte that is not UTF-8 as a lone surrogate, 0xDC00 + byte. So texts are
// turned into "byte texts" here, with a letter from 0 to 255 per byte, and files are written and compared as such.

const encoder = new TextEncoder();

/** The byte text of a name. */
function asBytes(text) {
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  let bytes = "";
  for (const letter of text) {
    const code = letter.codePointAt(0);
    const ownByte = code >= 0xdc80 && code <= 0xdcff;
    bytes += ownByte ? String.fromCharCode(code - 0xdc00) : String.fromCharCode(...encoder.encode(letter));
  }
  return bytes;
}

/** The bytes of a CSV with these rows of texts, with the line ends of RFC 4180. */
function writeCsv(rows) {
  const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const text = asBytes(rows.map((row) => row.map(cell).join(",") + "\r\n").join(""));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** The rows of a CSV, as lists of byte texts. Throws an Error when a quote is not closed. */
function readCsv(bytes) {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("").replace(/^\xef\xbb\xbf/, "");
  const rows = [];
  let row = [], cell = "", quoted = false;
  const endCell = () => { row.push(cell); cell = ""; };
  const endRow = () => { endCell(); if (row.length > 1 || row[0] !== "") rows.push(row); row = []; };
  for (let place = 0; place < text.length; place++) {
    const letter = text[place];
    if (quoted && letter === '"' && text[place + 1] === '"') { cell += letter; place++; }
    else if (letter === '"') quoted = !quoted;
    else if (quoted) cell += letter;
    else if (letter === ",") endCell();
    else if (letter === "\r" && text[place + 1] === "\n") continue;
    else if (letter === "\n" || letter === "\r") endRow();
    else cell += letter;
  }
  if (quoted) throw new Error("a quote is not closed");
  endRow();
  return rows;
}

/** The bytes of labels.csv for decisions, a Map from place to class or DROP: these in the order of the page first. */
function writeLabels(decided) {
  const rows = [...decided.keys()].sort((one, other) => one - other).map((place) => {
    const label = decided.get(place) === DROP ? "" : data.classes[decided.get(place)];
    return data.columns.includes("given_label") ? [imageName(place), ownName(place), label] : [imageName(place), label];
  });
  const names = new Set(rows.map(([name]) => name));
  return writeCsv([data.columns, ...rows, ...carriedRows().filter(([name]) => !names.has(name))]);
}

/** The data set's own label of an image. */
function ownName(place) {
  return data.classes[data.own[place]];
}

/** The rows of images without a decision, as texts. */
function carriedRows() {
  return data.carried.map((row) => row.map(String));
}

/**
 * The decisions of a labels.csv: {decided: Map from place to class or DROP, others: rows of images that the page lacks}.
 * A row that would be there without a decision is none.
 * Throws an Error, with what to do, when it is another kind of file, or of other labels.
 */
function readLabels(bytes) {
  const [header = [], ...rows] = readCsv(bytes);
  const columns = data.columns.map((name) => header.indexOf(name));
  if (columns.includes(-1)) {
    throw new Error(`its first line must be ${data.columns.join(",")}; take a file that a page of these images has saved`);
  }
  const places = new Map(Array.from({ length: images }, (_, place) => [asBytes(imageName(place)), place]));
  const labels = new Map(data.classes.map((name, label) => [asBytes(name), label])).set("", DROP);
  const carried = new Set(carriedRows().map((row) => JSON.stringify(row.map(asBytes))));
  const decided = new Map();
  let others = 0;
  rows.forEach((row, number) => {
    const cells = columns.map((column) => row[column] ?? "");
    if (carried.has(JSON.stringify(cells))) return;
    const name = cells[0], given = cells.length > 2 ? cells[1] : null, label = cells.at(-1);
    const where = `row ${number + 2}`;
    const place = places.get(name);
    if (place === undefined) { others++; return; }
    if (given !== null && given !== asBytes(ownName(place))) {
      throw new Error(`${where} has another given label than ${className(data.own[place])}; take a file of this run's labels`);
    }
    if (!labels.has(label)) throw new Error(`the label of ${where} is no class; mend it, or leave it empty to drop the image`);
    if (decided.has(place)) throw new Error(`${where} is about an image that an earlier row has; delete one of them`);
    decided.set(place, labels.get(label));
  });
  return { decided, others };
}
