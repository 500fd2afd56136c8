import Failures
import Settings
import YAMLDocuments

/// What a command line says instead of a spec, or beside one: it wins.
public struct SpecOverrides: Sendable, Equatable {
    /// P_e.
    public var editPrompt: String?
    /// Drags in the form `X,Y:X,Y`; they take the place of the spec's.
    public var drags: [String] = []
    /// The preset's name.
    public var preset: String?
    /// The seed.
    public var seed: UInt64?

    /// None.
    public init() {}

    /// Whether they give something to edit.
    var hasWork: Bool { !drags.isEmpty || editPrompt != nil }

    /// The spec that they make by themselves.
    ///
    /// - Throws: what is wrong, shown as a place in `--drag` or `--preset`.
    public func spec() throws(Failure) -> ParsedSpec {
        let source = SourceText(file: "command line", text: "", .usage)
        let parsed = try applied(to: ParsedSpec(spec: EditSpec(), source: source))
        guard parsed.spec.hasWork else {
            throw Failure(
                .usage, code: "spec.nothing_to_do", message: "there is nothing to do",
                hint: "Give a spec, --drag X,Y:X,Y, or --prompt TEXT.")
        }
        return parsed
    }

    /// A spec with these in place of what it says.
    ///
    /// - Throws: what is wrong, shown as a place in `--drag` or `--preset`.
    func applied(to parsed: ParsedSpec) throws(Failure) -> ParsedSpec {
        var spec = parsed.spec
        if let editPrompt { spec.editPrompt = editPrompt }
        if let seed { spec.seed = seed }
        if let preset {
            let decoder = DocumentDecoder(source: SourceText(file: "--preset", text: preset, .usage))
            spec.preset = try decoder.word(
                .scalar(preset, isPlain: true, .start), "`--preset`", code: "spec.unknown_preset",
                among: Preset.allCases.map(\.rawValue))
        }
        guard !drags.isEmpty else { return ParsedSpec(spec: spec, source: parsed.source) }
        let source = SourceText(file: "--drag", text: drags.joined(separator: "\n"), .usage)
        let decoder = DragDecoder(decoder: DocumentDecoder(source: source), units: spec.units)
        spec.drags = []
        for (i, text) in drags.enumerated() { spec.drags.append(try decoder.drag(text, line: i + 1)) }
        return ParsedSpec(spec: spec, source: parsed.source, drags: source)
    }
}

/// Reads `--drag X,Y:X,Y`.
private struct DragDecoder {
    let decoder: DocumentDecoder
    let units: EditSpec.Units

    func drag(_ text: String, line: Int) throws(Failure) -> EditSpec.Drag {
        let start = SourceMark(line: line, column: 1)
        let halves = text.split(separator: ":", omittingEmptySubsequences: false)
        guard halves.count == 2 else { throw wrongForm(text, start) }
        let from = try point(String(halves[0]), text, start)
        let to = try point(
            String(halves[1]), text, SourceMark(line: line, column: halves[0].unicodeScalars.count + 2))
        guard from.value != to.value else {
            throw decoder.error(
                "spec.handle_on_target", "the handle lies on its target", at: to.mark,
                do: "Move the target away from the handle.")
        }
        return EditSpec.Drag(from: from, to: to)
    }

    private func wrongForm(_ text: String, _ mark: SourceMark) -> Failure {
        let numbers = MeantNumbers(.scalar(text, isPlain: true, mark))?.texts ?? []
        return decoder.error(
            "spec.type", "`\(text)` is no drag", at: mark,
            do: numbers.count == 4
                ? "Write --drag \(numbers[0]),\(numbers[1]):\(numbers[2]),\(numbers[3])."
                : "Write X,Y:X,Y, handle and target, such as --drag 210,180:240,150.")
    }

    private func point(_ text: String, _ whole: String, _ mark: SourceMark) throws(Failure)
        -> Located<EditSpec.Point>
    {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { throw wrongForm(whole, mark) }
        var values: [Double] = []
        var column = mark.column
        for part in parts {
            // Spaces may stand around a number.
            let words = part.split(separator: " ")
            let number = words.count == 1 ? String(words[0]) : part
            let indent = words.count == 1 ? part.prefix { $0 == " " }.count : 0
            let place = SourceMark(line: mark.line, column: column + indent)
            if !isPlainNumber(number), MeantNumbers(.scalar(whole, isPlain: true, mark))?.drag != nil {
                throw wrongForm(whole, SourceMark(line: mark.line, column: 1))
            }
            let value = try decoder.number(.scalar(number, isPlain: true, place), "a number of `--drag`")
            guard value >= 0, units == .pixels || value <= 1 else {
                throw decoder.error(
                    "spec.point_outside", "the point is at \(plainNumber(value)), outside the picture",
                    at: place,
                    do: units == .pixels
                        ? "Write pixels from the top left corner, from 0."
                        : "The spec says `units: relative`: write numbers from 0 to 1.")
            }
            values.append(value)
            column += part.unicodeScalars.count + 1
        }
        return Located(EditSpec.Point(x: values[0], y: values[1]), at: mark)
    }
}
