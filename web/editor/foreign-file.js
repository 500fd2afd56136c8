// Files that no text editor wrote as plain text. Follows Sources/YAMLDocuments/ForeignFile.swift.

const AS_TEXT = "Save it as plain text in UTF-8, with the extension .yaml.";
const NO_SPEC = "Write a text file in YAML or JSON.";
const FOREIGN_BINARIES = [
  ["PK\x03\x04", "a ZIP archive", NO_SPEC], ["%PDF-", "a PDF file", AS_TEXT],
  ["\xd0\xcf\x11\xe0", "a document of Microsoft Office", AS_TEXT], ["bplist00", "a binary property list", NO_SPEC],
  ["\x89PNG", "a PNG picture", NO_SPEC], ["\xff\xd8\xff", "a JPEG picture", NO_SPEC], ["GIF8", "a GIF picture", NO_SPEC],
  ["\x1f\x8b", "a gzip archive", NO_SPEC],
];
const FOREIGN_TEXTS = [
  ["{\\rtf", "an RTF document, with fonts and styles", AS_TEXT],
  [
    /^(<!doctype html|<html)/, "a web page (HTML)",
    "Save the file itself, not the page that shows it; or copy the text into a plain text file.",
  ],
  ["<?xml", "an XML file", NO_SPEC],
  ["version https://git-lfs.github.com/", "a Git LFS pointer in place of the file", "Run `git lfs pull`."],
];

/** The complaint of a file of another kind; null where nothing says that its bytes are no plain text. */
function foreignFile(bytes) {
  const complaint = (kind, hint, code) => new Complaint(`this is ${kind}, not YAML or JSON`, 0, hint, code);
  const start = bytesAsLatin(bytes.subarray(0, 1024));
  for (const [magic, kind, hint] of FOREIGN_BINARIES) {
    if (!start.startsWith(magic)) continue;
    const found = kind === "a ZIP archive" ? zipContent(bytes) : [kind, hint];
    return complaint(...found, "spec.binary");
  }
  const text = start.replace(/^\xef\xbb\xbf/, "").replace(/^[ \t\r\n]+/, "").toLowerCase();
  for (const [beginning, kind, hint] of FOREIGN_TEXTS) {
    if (typeof beginning === "string" ? text.startsWith(beginning) : beginning.test(text)) {
      return complaint(kind, hint, "spec.syntax");
    }
  }
  return null;
}

/** What a ZIP archive holds: the documents of word processors are such. */
function zipContent(bytes) {
  const names = [
    ["word/", "a Word document"], ["xl/", "an Excel table"], ["application/vnd.oasis.opendocument", "an OpenDocument file"],
  ];
  const content = bytesAsLatin(bytes.subarray(0, 1 << 16));
  const found = names.find(([name]) => content.includes(name));
  return found ? [found[1], AS_TEXT] : ["a ZIP archive", `Unpack it. ${NO_SPEC}`];
}

const bytesAsLatin = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
