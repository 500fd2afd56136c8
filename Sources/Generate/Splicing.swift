import JSON

extension String {
    /// The text of an indented JSON file with another value for a key of an object.
    ///
    /// - Parameter indent: the key's indentation, which distinguishes it from the same key elsewhere.
    /// - Throws: unless the text has the key exactly once.
    func replacing(member key: String, indent: Int, with value: JSONValue) throws -> String {
        let space = String(repeating: " ", count: indent)
        let lines = split(separator: "\n", omittingEmptySubsequences: false)
        let starts = lines.indices.filter { lines[$0].hasPrefix("\(space)\"\(key)\": ") }
        guard starts.count == 1, let start = starts.first,
            let end = lines[start...].firstIndex(where: {
                $0 == "\(space)}" || $0 == "\(space)}," || ($0 == lines[start] && !$0.hasSuffix("{"))
            })
        else { throw MissingPart(description: "the key \(key) is not there, or several times") }
        let comma = lines[end].hasSuffix(",") ? "," : ""
        let new = "\(space)\"\(key)\": \(value.indented(indent))\(comma)"
        return (lines[..<start] + [new[...]] + lines[(end + 1)...]).joined(separator: "\n")
    }

    /// The text of a Markdown file with another text between two comments:
    /// `<!-- generated: NAME -->` and `<!-- end of NAME -->`.
    func replacing(between name: String, with text: String) throws -> String {
        guard let start = range(of: "<!-- generated: \(name) -->\n"),
            let end = range(of: "<!-- end of \(name) -->"), start.upperBound <= end.lowerBound
        else { throw MissingPart(description: "the comments around \(name) are not there") }
        return self[..<start.upperBound] + "\n" + text + "\n" + self[end.lowerBound...]
    }

    private func range(of part: String) -> Range<String.Index>? { ranges(of: part).first }
}

extension JSONValue {
    /// The value on lines of its own, with two spaces for each level, in the style of the schemas.
    fileprivate func indented(_ depth: Int) -> String {
        let inner = String(repeating: " ", count: depth + 2)
        let outer = String(repeating: " ", count: depth)
        switch self {
        case .array(let items) where !items.isEmpty:
            return "[\n"
                + items.map { inner + $0.indented(depth + 2) }.joined(separator: ",\n") + "\n\(outer)]"
        case .object(let fields) where !fields.isEmpty:
            let members = fields.map {
                "\(inner)\(JSONValue.string($0.key).line): \($0.value.indented(depth + 2))"
            }
            return "{\n" + members.joined(separator: ",\n") + "\n\(outer)}"
        default: return line
        }
    }
}
