import Failures
internal import CYAML

/// Reads one YAML document through libyaml: the only place that knows it.
///
/// Limits: 1 MiB of text, 64 levels, 20,000 values after aliases are filled in.
package struct YAMLReader {
    package static let bytesMax = 1 << 20
    private static let depthMax = 64
    private static let valuesMax = 20_000

    private let source: SourceText
    private let parser: Parser
    private var anchors: [String: YAMLNode] = [:]
    private var values = 0

    /// The value in a text, or nil when the text holds none.
    ///
    /// - Parameter kind: the kind of failure that a mistake in it is.
    package static func read(_ bytes: [UInt8], file: String, _ kind: Failure.Kind) throws(Failure) -> (
        root: YAMLNode?, source: SourceText
    ) {
        let empty = SourceText(file: file, text: "", kind)
        guard bytes.count <= bytesMax else {
            throw empty.error(
                "spec.too_large", "the file has \(bytes.count) bytes", at: .start,
                do: "At most 1 MiB is read.")
        }
        if bytes.contains(0) {
            throw empty.error(
                "spec.binary", "this is a binary file, not text", at: .start,
                do: "Write the spec as YAML or JSON text.")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw empty.error(
                "spec.encoding", "the text is not UTF-8", at: .start, do: "Save the file as UTF-8.")
        }
        let plain = text.unicodeScalars.first == "\u{feff}" ? String(text.unicodeScalars.dropFirst()) : text
        let source = SourceText(file: file, text: plain, kind)
        var reader = YAMLReader(source: source, parser: Parser(Array(plain.utf8)))
        return (try reader.document(), source)
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

    /// What matters of one event.
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
            case .streamEnd: return root
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
                    do: "Write the value itself.")
            }
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
            if let line = lines.updateValue(mark.line, forKey: key) {
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

    private func next() throws(Failure) -> (Event, SourceMark) {
        var event = yaml_event_t()
        guard yaml_parser_parse(&parser.raw, &event) == 1 else { throw syntaxError() }
        defer { yaml_event_delete(&event) }
        let mark = SourceMark(line: event.start_mark.line + 1, column: event.start_mark.column + 1)
        func text(_ pointer: UnsafeMutablePointer<UInt8>?) -> String? { pointer.map { String(cString: $0) } }
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let value = String(
                decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            return (
                .scalar(value, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE, anchor: text(scalar.anchor)),
                mark
            )
        case YAML_SEQUENCE_START_EVENT:
            return (.sequenceStart(anchor: text(event.data.sequence_start.anchor)), mark)
        case YAML_MAPPING_START_EVENT:
            return (.mappingStart(anchor: text(event.data.mapping_start.anchor)), mark)
        case YAML_ALIAS_EVENT: return (.alias(text(event.data.alias.anchor) ?? ""), mark)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return (.end, mark)
        case YAML_DOCUMENT_START_EVENT: return (.documentStart, mark)
        case YAML_STREAM_END_EVENT: return (.streamEnd, mark)
        default: return (.other, mark)
        }
    }

    private func syntaxError() -> Failure {
        let raw = parser.raw
        let place =
            raw.problem_mark.line == 0 && raw.problem_mark.column == 0 ? raw.context_mark : raw.problem_mark
        let problem = raw.problem.map { String(cString: $0) } ?? "the text is not YAML"
        return source.error(
            "spec.syntax", "this is not YAML: \(problem)",
            at: SourceMark(line: place.line + 1, column: place.column + 1),
            do: "Check indentation, colons, quotes and brackets around this place.")
    }
}
