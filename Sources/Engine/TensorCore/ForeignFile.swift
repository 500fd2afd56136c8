import Foundation

/// A file of another format instead of a safetensors file, recognised by its first bytes.
public struct ForeignFile: Sendable, Equatable {
    /// Its format, as the end of a sentence with "is".
    public let what: String
    /// What to do.
    public let hint: String
    /// Whether the file holds weights in that format; else it holds no weights.
    public let holdsWeights: Bool

    private static let conversion =
        "Download the model's .safetensors files, or convert it with diffusers' `safe_serialization`."
    private static let again = "Download the file again, and check the address and the account that it needs."

    /// Beginnings of formats that hold weights.
    private static let formats: [(start: [UInt8], what: String, hint: String)] = [
        (
            Array("PK\u{3}\u{4}".utf8), "a pickle file of PyTorch (a ZIP archive), which can run any code",
            conversion
        ),
        (
            Array("GGUF".utf8), "a GGUF file, whose weights are quantised",
            "Use the model's .safetensors files in f16, bf16 or f32."
        ),
        ([0x89, 0x48, 0x44, 0x46], "an HDF5 file (Keras)", conversion),
        ([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], "a NumPy file", conversion),
        ([0x1f, 0x8b], "a gzip archive", "Unpack it first."),
        ([0x37, 0x7a, 0xbc, 0xaf], "a 7-Zip archive", "Unpack it first."),
        (Array("Rar!".utf8), "a RAR archive", "Unpack it first."),
        ([0x28, 0xb5, 0x2f, 0xfd], "a Zstandard archive", "Unpack it first."),
        ([0xfd, 0x37, 0x7a, 0x58, 0x5a], "an xz archive", "Unpack it first."),
    ]

    /// - Parameter beginning: the file, or as much of it as is at hand.
    /// - Returns: nil for a file that may be a safetensors file, or a damaged one.
    init?(beginning file: UnsafeRawBufferPointer) {
        guard !file.isEmpty else {
            self.init(
                what: "empty", hint: "Download the file again: the download never began.", holdsWeights: false
            )
            return
        }
        // A safetensors file has a header length of at most 100 MB, so that its 6th to 8th bytes are 0, and then a brace.
        if file.count > 8, file[5] == 0, file[6] == 0, file[7] == 0, file[8] == UInt8(ascii: "{") {
            return nil
        }
        let start = Array(file.prefix(512))
        if let known = Self.formats.first(where: { start.starts(with: $0.start) }) {
            self.init(what: known.what, hint: known.hint, holdsWeights: true)
            return
        }
        // POSIX.1-1988, ustar: the magic of a tar header stands at 257.
        if start.dropFirst(257).starts(with: "ustar".utf8) {
            self.init(what: "a tar archive", hint: "Unpack it first.", holdsWeights: true)
            return
        }
        // Pickles of protocol 2 to 5 begin with the opcode PROTO.
        if start.count > 1, start[0] == 0x80, (2...5).contains(start[1]) {
            self.init(
                what: "a pickle file of PyTorch, which can run any code", hint: Self.conversion,
                holdsWeights: true)
            return
        }
        if start.allSatisfy({ $0 == 0 }), file.allSatisfy({ $0 == 0 }) {
            self.init(
                what: "\(file.count) zero bytes: room that a download took and has not filled",
                hint: "Let the download finish, or begin it again.", holdsWeights: false)
            return
        }
        guard let text = Self.text(start) else { return nil }
        self.init(text: text)
    }

    private init(what: String, hint: String, holdsWeights: Bool) {
        self.what = what
        self.hint = hint
        self.holdsWeights = holdsWeights
    }

    private init?(text: String) {
        if text.hasPrefix("version https://git-lfs") {
            self.init(
                what: "a pointer of Git LFS, which stands for the real file",
                hint: "Run `git lfs pull` in the clone, or download the file itself.", holdsWeights: false)
        } else if text.hasPrefix("<") {
            self.init(
                what: text.contains("<?xml")
                    ? "an XML page" : "an HTML page, as servers send in place of a file",
                hint: Self.again, holdsWeights: false)
        } else if text.hasPrefix("{") || text.hasPrefix("[") {
            self.init(
                what: "a JSON text, as servers send in place of a file", hint: Self.again, holdsWeights: false
            )
        } else {
            let line = text.split(whereSeparator: \.isNewline).first.map { String($0.prefix(60)) } ?? ""
            self.init(
                what: "a text that begins with “\(line)”", hint: Self.again, holdsWeights: false)
        }
    }

    /// The beginning as text, without white space and byte order mark before it; nil where it is no text.
    private static func text(_ start: [UInt8]) -> String? {
        let bytes = start.starts(with: [0xef, 0xbb, 0xbf]) ? Array(start.dropFirst(3)) : start
        let isText = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f || [9, 10, 13].contains($0) }
        guard isText else { return nil }
        // The beginning may end in the middle of a character.
        let text = String(decoding: bytes, as: UTF8.self).drop(while: \.isWhitespace)
        return text.isEmpty ? nil : String(text)
    }
}
