/// A text as an array of characters, which gives the line and column of each. Lines end as in editors: at LF, CR LF and CR.
struct CharacterMap {
    /// The text's characters.
    let characters: [Unicode.Scalar]
    private let lineStarts: [Int]

    init(_ text: String) {
        let characters = Array(text.unicodeScalars)
        var starts = [0]
        for (i, character) in characters.enumerated()
        where character == "\n"
            || (character == "\r" && (i + 1 == characters.count || characters[i + 1] != "\n"))
        {
            starts.append(i + 1)
        }
        self.characters = characters
        lineStarts = starts
    }

    /// The place of the character at an index. The index may be the text's end.
    func mark(at index: Int) -> SourceMark {
        var (low, high) = (0, lineStarts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= index { low = middle } else { high = middle }
        }
        return SourceMark(line: low + 1, column: index - lineStarts[low] + 1)
    }

    /// The characters of the line with an index, without the line break.
    func line(at index: Int) -> Range<Int> {
        let number = mark(at: index).line - 1
        var end = number + 1 < lineStarts.count ? lineStarts[number + 1] : characters.count
        while end > lineStarts[number], ["\n", "\r"].contains(characters[end - 1]) { end -= 1 }
        return lineStarts[number]..<end
    }

    /// The characters of a line by its number, from 1; nil where there is no such line.
    func line(number: Int) -> Range<Int>? {
        lineStarts.indices.contains(number - 1) ? line(at: lineStarts[number - 1]) : nil
    }

    /// The text of some characters.
    func text(_ range: Range<Int>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: characters[range.clamped(to: 0..<characters.count)])
        return String(view)
    }

    /// The character at an index, or nil outside the text.
    subscript(_ index: Int) -> Unicode.Scalar? {
        characters.indices.contains(index) ? characters[index] : nil
    }

    /// Whether a line ends at an index.
    func isLineEnd(_ index: Int) -> Bool { self[index].map { $0 == "\n" || $0 == "\r" } ?? true }

    /// Whether the character at an index is a space or tab.
    func isBlank(_ index: Int) -> Bool { self[index].map { $0 == " " || $0 == "\t" } ?? false }
}
