import Failures
internal import CYAML

/// Reads one YAML or JSON document. `JSONReader` reads JSON, libyaml all else; only this file uses libyaml.
///
/// Limits: 1 MiB of text, 64 levels, 20,000 values with every alias replaced by its anchor's values.
package struct YAMLReader {
    package static let bytesMax = 1 << 20
    private static let depthMax = 64
    private static let valuesMax = 20_000

    private let source: SourceText
    private let parser: Parser
    private var anchors: [String: YAMLNode] = [:]
    private var unusedAnchors: [(name: String, index: Int)] = []
    private var values = 0
    private var read = 0

    /// The value in a text, or nil when the text holds none.
    ///
    /// - Parameter kind: the kind of failure of a mistake in the text.
    package static func read(_ bytes: [UInt8], file: String, _ kind: Failure.Kind) throws(Failure) -> (
        root: YAMLNode?, source: SourceText
    ) {
        guard bytes.count <= bytesMax || ForeignFile(bytes) != nil else {
            throw SourceText(file: file, text: "", kind).error(
                "spec.too_large", "the file has \(bytes.count) bytes", at: .start,
                do: "At most 1 MiB is read.")
        }
        let text: String
        do { text = try documentText(bytes) } catch {
            // Bytes that are no text have no line to show.
            let isText = error.index > 0 || error.code == "spec.syntax"
            throw SourceText(file: file, text: isText ? shownText(bytes) : "", kind).error(error)
        }
        let source = SourceText(file: file, text: text, kind)
        var json = JSONReader(source.text, depthMax: depthMax, valuesMax: valuesMax)
        let notJSON: Complaint
        do { return (try json.document(), source) } catch {
            switch error {
            case .refused(let complaint): throw source.error(complaint)
            case .notJSON(let complaint): notJSON = complaint
            }
        }
        do throws(Failure) {
            if let complaint = characterUnfitForYAML(source.text) { throw source.error(complaint) }
            var reader = YAMLReader(source: source, parser: Parser(Array(text.utf8)))
            return (try reader.document(), source)
        } catch {
            // For a file with the extension json, the message says why it is no JSON.
            throw error.code == "spec.syntax" && file.lowercased().hasSuffix(".json")
                ? source.error(notJSON) : error
        }
    }

    /// Owns libyaml's parser and the text it reads.
    private final class Parser {
        var raw = yaml_parser_t()
        private let input: UnsafeMutableBufferPointer<UInt8>

        init(_ bytes: [UInt8]) {
            input = .allocate(capacity: max(bytes.count, 1))
            _ = input.update(from: bytes)
            yaml_parser_initialize(&raw)
            yaml_parser_set_encoding(&raw, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(&raw, input.baseAddress, bytes.count)
        }

        deinit {
            yaml_parser_delete(&raw)
            input.deallocate()
        }
    }

    /// The parts of an event that the reader needs.
    private enum Event {
        case scalar(String, isPlain: Bool, anchor: String?)
        case sequenceStart(anchor: String?)
        case mappingStart(anchor: String?)
        case alias(String)
        case end
        case documentStart
        case other
        case streamEnd
    }

    private init(source: SourceText, parser: Parser) {
        self.source = source
        self.parser = parser
    }

    private mutating func document() throws(Failure) -> YAMLNode? {
        var root: YAMLNode?
        while true {
            let (event, mark) = try next()
            switch event {
            case .streamEnd:
                try refuseUnusedAnchor()
                return root
            case .documentStart:
                if root != nil {
                    throw source.error(
                        "spec.several_documents", "a second document begins here", at: mark,
                        do: "Write one document per file; remove `---`.")
                }
            case .other, .end: continue
            default: root = try node(event, mark, depth: 0)
            }
        }
    }

    private mutating func node(_ event: Event, _ mark: SourceMark, depth: Int) throws(Failure) -> YAMLNode {
        guard depth < Self.depthMax else {
            throw source.error(
                "spec.too_deep", "values are nested too deeply", at: mark,
                do: "A spec needs five levels at most.")
        }
        try count(1, at: mark)
        switch event {
        case .scalar(let text, let isPlain, let anchor):
            return remember(.scalar(text, isPlain: isPlain, mark), anchor)
        case .sequenceStart(let anchor):
            var items: [YAMLNode] = []
            while true {
                let (event, mark) = try next()
                if case .end = event { break }
                items.append(try node(event, mark, depth: depth + 1))
            }
            return remember(.sequence(items, mark), anchor)
        case .mappingStart(let anchor): return remember(.mapping(try entries(depth), mark), anchor)
        case .alias(let name):
            guard let value = anchors[name] else {
                throw source.error(
                    "spec.alias", "the alias `*\(name)` refers to nothing, or to itself", at: mark,
                    do: "Write the value itself. Quote a text that begins with `*`.")
            }
            unusedAnchors.removeAll { $0.name == name }
            try count(Self.size(value), at: mark)
            return value
        default:
            throw source.error("spec.syntax", "a value is missing here", at: mark, do: "Complete the line.")
        }
    }

    private mutating func entries(_ depth: Int) throws(Failure) -> [YAMLEntry] {
        var entries: [YAMLEntry] = []
        var lines: [String: Int] = [:]  // of the keys so far: a file may have thousands
        while true {
            let (event, mark) = try next()
            if case .end = event { return entries }
            guard case .scalar(let key, _, _) = event else {
                throw source.error(
                    "spec.key_kind", "a key must be a word", at: mark, do: "Write `key: value`.")
            }
            guard key != "<<" else {
                throw source.error(
                    "spec.unknown_key", "`<<` is a merge key of YAML, which specs do not have", at: mark,
                    do: "Write the keys and values out.")
            }
            // No key is a number, not even one of `(84, 22)`: the decoder says what its author probably intended.
            if let line = lines.updateValue(mark.line, forKey: key),
                !isPlainNumber(key.filter { !"()<>".contains($0) })
            {
                throw source.error(
                    "spec.duplicate_key", "`\(key)` is given twice; first on line \(line)", at: mark,
                    do: "Keep one of the two.")
            }
            let (valueEvent, valueMark) = try next()
            entries.append(
                YAMLEntry(key: key, keyMark: mark, value: try node(valueEvent, valueMark, depth: depth + 1)))
        }
    }

    private mutating func remember(_ node: YAMLNode, _ anchor: String?) -> YAMLNode {
        if let anchor { anchors[anchor] = node }
        return node
    }

    private mutating func count(_ more: Int, at mark: SourceMark) throws(Failure) {
        values += more
        guard values <= Self.valuesMax else {
            throw source.error(
                "spec.alias_expansion", "the file grows to more than \(Self.valuesMax) values", at: mark,
                do: "Write fewer aliases.")
        }
    }

    private static func size(_ node: YAMLNode) -> Int {
        switch node {
        case .scalar: 1
        case .sequence(let items, _): items.reduce(1) { $0 + size($1) }
        case .mapping(let entries, _): entries.reduce(1) { $0 + 1 + size($1.value) }
        }
    }

    private mutating func next() throws(Failure) -> (Event, SourceMark) {
        var event = yaml_event_t()
        guard yaml_parser_parse(&parser.raw, &event) == 1 else { throw source.error(syntaxError) }
        defer { yaml_event_delete(&event) }
        let start = event.start_mark.index
        let mark = source.text.mark(at: start)
        try refuseGluedComment(upTo: start)
        read = max(read, event.end_mark.index)
        func text(_ pointer: UnsafeMutablePointer<UInt8>?) -> String? { pointer.map { String(cString: $0) } }
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let anchor = try anchor(text(scalar.anchor), at: start)
            let value = String(
                decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            return (
                .scalar(value, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE, anchor: anchor), mark
            )
        case YAML_SEQUENCE_START_EVENT:
            return (
                .sequenceStart(anchor: try anchor(text(event.data.sequence_start.anchor), at: start)), mark
            )
        case YAML_MAPPING_START_EVENT:
            return (.mappingStart(anchor: try anchor(text(event.data.mapping_start.anchor), at: start)), mark)
        case YAML_ALIAS_EVENT: return (.alias(text(event.data.alias.anchor) ?? ""), mark)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return (.end, mark)
        case YAML_DOCUMENT_START_EVENT: return (.documentStart, mark)
        case YAML_STREAM_END_EVENT: return (.streamEnd, mark)
        default: return (.other, mark)
        }
    }

    /// The mistake that libyaml has found.
    private var syntaxError: Complaint {
        let raw = parser.raw
        let context = raw.context.map { String(cString: $0) } ?? ""
        return YAMLSyntax(
            text: source.text, problem: raw.problem.map { String(cString: $0) } ?? "the text is not YAML",
            index: raw.problem_mark.index, context: context,
            contextIndex: context.isEmpty ? nil : raw.context_mark.index
        ).complaint
    }
}

// MARK: What YAML takes out of a text

extension YAMLReader {
    /// The anchor of the node at an index, remembered until an alias uses it. It refuses a tag: `!include x`, `!!str 1` and
    /// `!important` have no meaning in a spec, and ignoring them would change what the author wrote.
    private mutating func anchor(_ name: String?, at start: Int) throws(Failure) -> String? {
        let text = source.text
        var i = start
        if text[i] == "&" {
            i += YAMLSyntax.word(at: i, text).unicodeScalars.count
            while text.isBlank(i) || (text[i] != nil && text.isLineEnd(i)) { i += 1 }
        }
        if text[i] == "!" { throw source.error(YAMLSyntax.unquoted("a tag", at: i, text)) }
        if let name, text[start] == "&" { unusedAnchors.append((name, start)) }
        return name
    }

    /// Refuses an anchor that no alias uses: its author probably intended text.
    private func refuseUnusedAnchor() throws(Failure) {
        guard let anchor = unusedAnchors.first else { return }
        throw source.error(YAMLSyntax.unquoted("an anchor", at: anchor.index, source.text))
    }

    /// Refuses a comment that begins right after a quote, a bracket or a comma: YAML requires a blank before it, and without one
    /// libyaml drops the rest of the line.
    private func refuseGluedComment(upTo end: Int) throws(Failure) {
        var i = read
        while i < end {
            guard source.text[i] == "#" else {
                i += 1
                continue
            }
            guard i == 0 || source.text.isBlank(i - 1) || source.text.isLineEnd(i - 1) else {
                throw source.error(
                    Complaint(
                        code: "spec.unquoted",
                        message:
                            "YAML takes `\(source.text.text(i..<source.text.line(at: i).upperBound))` for a comment",
                        index: i,
                        hint: "Put the whole text between quotes, or a blank before the comment."))
            }
            i = source.text.line(at: i).upperBound
        }
    }
}
