/// What a file is that no text editor wrote as plain text.
struct ForeignFile: Equatable {
    /// Its kind, as in "this is a PDF file".
    let kind: String
    /// What to do.
    let hint: String
    /// Whether its bytes are text, whose first line a message can show.
    let isText: Bool

    private static let asText = "Save it as plain text in UTF-8, with the extension .yaml."
    private static let noSpec = "Write a text file in YAML or JSON."

    /// The kind of a file's bytes; nil where nothing says that they are no plain text.
    init?(_ bytes: [UInt8]) {
        for (magic, kind, hint) in Self.binaries where bytes.starts(with: magic) {
            let (kind, hint) = kind == "a ZIP archive" ? Self.archive(bytes) : (kind, hint)
            (self.kind, self.hint, isText) = (kind, hint, false)
            return
        }
        let start = Self.beginning(of: bytes)
        if start.hasPrefix("{\\rtf") {
            (kind, hint, isText) = ("an RTF document, with fonts and styles", Self.asText, true)
        } else if start.hasPrefix("<!doctype html") || start.hasPrefix("<html") {
            let hint =
                "Save the file itself, not the page that shows it; or copy the text into a plain text file."
            (kind, self.hint, isText) = ("a web page (HTML)", hint, true)
        } else if start.hasPrefix("<?xml") {
            (kind, hint, isText) = ("an XML file", Self.noSpec, true)
        } else if start.hasPrefix("version https://git-lfs.github.com/") {
            (kind, hint, isText) = ("a Git LFS pointer in place of the file", "Run `git lfs pull`.", true)
        } else {
            return nil
        }
    }

    private static let binaries: [(magic: [UInt8], kind: String, hint: String)] = [
        (Array("PK\u{3}\u{4}".utf8), "a ZIP archive", noSpec),
        (Array("%PDF-".utf8), "a PDF file", asText),
        ([0xd0, 0xcf, 0x11, 0xe0], "a document of Microsoft Office", asText),
        (Array("bplist00".utf8), "a binary property list", noSpec),
        ([0x89] + Array("PNG".utf8), "a PNG picture", noSpec),
        ([0xff, 0xd8, 0xff], "a JPEG picture", noSpec),
        (Array("GIF8".utf8), "a GIF picture", noSpec),
        ([0x1f, 0x8b], "a gzip archive", noSpec),
    ]

    /// What a ZIP archive holds: the documents of word processors are such.
    private static func archive(_ bytes: [UInt8]) -> (kind: String, hint: String) {
        let names = [
            ("word/", "a Word document"), ("xl/", "an Excel table"),
            ("application/vnd.oasis.opendocument", "an OpenDocument file"),
        ]
        for (name, kind) in names where bytes.prefix(1 << 16).contains(Array(name.utf8)) {
            return (kind, asText)
        }
        return ("a ZIP archive", "Unpack it. \(noSpec)")
    }

    /// The first characters behind byte order mark and blanks, in small letters.
    private static func beginning(of bytes: [UInt8]) -> String {
        let rest = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
        let start = rest.prefix(1024).drop { [0x20, 0x09, 0x0a, 0x0d].contains($0) }
        return String(decoding: start.prefix(64), as: UTF8.self).lowercased()
    }
}
