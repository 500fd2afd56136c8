import Failures
import Foundation
import Settings
import YAMLDocuments

/// A spec together with its text, so that later checks can name the place of a mistake.
public struct ParsedSpec: Sendable {
    /// The spec.
    public var spec: EditSpec
    let source: SourceText
    /// The drags of a command line, one a line, if they take the place of the spec's.
    let drags: SourceText?

    init(spec: EditSpec, source: SourceText, drags: SourceText? = nil) {
        self.spec = spec
        self.source = source
        self.drags = drags
    }

    /// An error at a place of this spec.
    public func error(_ code: String, _ message: String, at mark: SourceMark, do hint: String) -> Failure {
        source.error(code, message, at: mark, do: hint)
    }

    /// An error at a place of a drag, which a command line may have given.
    public func dragError(_ code: String, _ message: String, at mark: SourceMark, do hint: String) -> Failure
    {
        (drags ?? source).error(code, message, at: mark, do: hint)
    }
}

/// Reads a job's spec, and checks everything that needs no picture.
///
/// - Parameters:
///   - bytes: YAML or JSON.
///   - file: its name, for messages.
///   - overrides: what the command line says instead.
/// - Throws: the first thing that is wrong.
public func parseSpec(_ bytes: [UInt8], file: String, _ overrides: SpecOverrides = SpecOverrides())
    throws(Failure) -> ParsedSpec
{
    let (root, source) = try document(bytes, file: file)
    guard let root, !root.isNull else {
        throw source.error(
            "spec.empty", "the spec is empty", at: .start,
            do: "Write at least `drags:` or `prompt: {edit: …}`.")
    }
    let decoder = SpecDecoder(decoder: DocumentDecoder(source: source), hasWork: overrides.hasWork)
    return try overrides.applied(to: ParsedSpec(spec: try decoder.spec(root), source: source))
}

private func document(_ bytes: [UInt8], file: String) throws(Failure) -> (root: YAMLNode?, source: SourceText)
{
    do { return try YAMLReader.read(bytes, file: file, .badSpec) } catch {
        guard ["spec.too_large", "spec.alias_expansion"].contains(error.code),
            OtherDocument.beginsAsTrajectory(bytes)
        else { throw error }
        let source = SourceText(file: file, text: "", .badSpec)
        throw OtherDocument(decoder: DocumentDecoder(source: source)).trajectory(at: .start)
    }
}

/// Reads a spec out of its nodes.
struct SpecDecoder {
    let decoder: DocumentDecoder
    /// Whether a command line gives drags or a prompt.
    let hasWork: Bool

    static let keys = [
        "image", "prompt", "drags", "mask", "region", "units", "preset", "method", "seed", "priority",
        "settings",
        "output",
    ]

    /// Where the keys of `settings` and `output` belong.
    private static let places: [String: String] = {
        let settings = Setting.ungrouped.map(\.name) + Setting.groups.map(\.name)
        let pairs = settings.map { ($0, "settings") } + DocumentDecoder.outputKeys.map { ($0, "output") }
        return Dictionary(pairs) { first, _ in first }
    }()

    /// What other programs call a spec's keys and settings.
    private static let elsewhere: [String: [String]] = {
        let drags = "drags: [\(DragForms.form), …]"
        let keys = [
            "points": [drags], "handles": [drags], "handle_points": [drags],
            "input": ["image"], "init_image": ["image"], "picture": ["image"], "file": ["image"],
            "text": ["prompt.edit"], "target_prompt": ["prompt.edit"], "edit": ["prompt.edit"],
            "source_prompt": ["prompt.source"], "caption": ["prompt.source"], "source": ["prompt.source"],
            "mask_image": ["mask"], "crop": ["region"], "roi": ["region"],
        ]
        return keys.merging(Setting.namesElsewhere.mapValues { $0.map { "settings.\($0)" } }) { key, _ in key
        }
    }()

    func spec(_ root: YAMLNode) throws(Failure) -> EditSpec {
        if case .scalar(let text, isPlain: true, _) = root, let colon = text.firstIndex(of: ":"),
            Self.keys.contains(String(text[..<colon])), OddCharacter.first(in: text) == nil
        {
            let rest = text[text.index(after: colon)...].drop { $0.isWhitespace }
            throw decoder.wrongKind(
                root, "a spec", "a mapping", do: "Write a space behind the colon: \(text[...colon]) \(rest)")
        }
        try OtherDocument(decoder: decoder).refuse(root, keys: Self.keys)
        let entries = try decoder.mapping(
            root, "a spec", keys: Self.keys, places: Self.places, elsewhere: Self.elsewhere)
        var spec = EditSpec()
        if let node = entries["image"]?.value {
            spec.image = Located(try fileName(node, "`image`"), at: node.mark)
        }
        if let node = entries["prompt"]?.value { try prompt(node, &spec) }
        if let node = entries["units"]?.value {
            let word = try decoder.word(
                node, "`units`", code: "spec.unknown_unit", among: EditSpec.Units.allCases.map(\.rawValue))
            spec.units = EditSpec.Units(rawValue: word) ?? .pixels
        }
        if let node = entries["drags"]?.value { spec.drags = try drags(node, spec.units) }
        if let node = entries["mask"]?.value, !node.isNull { spec.mask = try mask(node) }
        if let node = entries["region"]?.value, !node.isNull {
            spec.region = Located(try workingRegion(node), at: node.mark)
        }
        if let node = entries["preset"]?.value {
            spec.preset = try decoder.word(
                node, "`preset`", code: "spec.unknown_preset", among: Preset.allCases.map(\.rawValue))
        }
        if let node = entries["method"]?.value {
            spec.method = try decoder.word(
                node, "`method`", code: "spec.unknown_method", among: MethodRow.names)
        }
        if let node = entries["seed"]?.value {
            spec.seed = try seed(node)
        }
        if let node = entries["priority"]?.value {
            spec.priority = try decoder.integer(node, "`priority`", in: -1000...1000)
        }
        if let node = entries["settings"]?.value, !node.isNull {
            spec.settings = try decoder.settings(node, "`settings`", of: Self.keys)
        }
        if let node = entries["output"]?.value, !node.isNull { spec.output = try decoder.output(node) }
        guard spec.hasWork || hasWork else {
            throw decoder.error(
                "spec.nothing_to_do", "there are neither drags nor an edit prompt",
                at: entries["drags"]?.keyMark ?? root.mark,
                do: "Write `drags:`, or `prompt: {edit: …}`, or both.")
        }
        return spec
    }

    private func seed(_ node: YAMLNode) throws(Failure) -> UInt64 {
        if case .scalar("-1", isPlain: true, let mark) = node {
            throw decoder.error(
                "spec.range", "`seed` is -1, which is out of range", at: mark,
                do: "Write a value from 0 to \(Int.max). No value draws a seed by chance.")
        }
        return UInt64(try decoder.integer(node, "`seed`", in: 0...Int.max))
    }

    func fileName(_ node: YAMLNode, _ what: String) throws(Failure) -> String {
        let name = try decoder.text(node, what)
        guard !name.isEmpty else {
            throw decoder.error("spec.type", "\(what) is empty", at: node.mark, do: "Write a file name.")
        }
        guard !name.utf8.contains(0) else {
            throw decoder.error(
                "spec.type", "\(what) holds a null character", at: node.mark, do: "Write a file name.")
        }
        // `./cat.png` is cat.png: the daemon knows the files of an inbox by their names.
        let plain = name.trimmingPrefix(/(?:\.\/+)+/)
        return plain.isEmpty ? name : String(plain)
    }

    private func prompt(_ node: YAMLNode, _ spec: inout EditSpec) throws(Failure) {
        if node.isNull { return }
        guard case .mapping = node else {
            spec.editPrompt = try words(node, "`prompt`")
            return
        }
        let entries = try decoder.mapping(node, "`prompt`", keys: ["source", "edit"])
        if let node = entries["source"]?.value, !node.isNull {
            spec.sourcePrompt = try words(node, "`prompt.source`")
        }
        if let node = entries["edit"]?.value, !node.isNull {
            spec.editPrompt = try words(node, "`prompt.edit`")
        }
    }

    private func words(_ node: YAMLNode, _ what: String) throws(Failure) -> String {
        if case .scalar(let text, isPlain: true, let mark) = node,
            let comment = decoder.source.commentCutting(text, at: mark)
        {
            throw decoder.source.error(
                Complaint(
                    code: "spec.unquoted",
                    message: "\(what) ends before `\(comment.words)`, which YAML takes for a comment",
                    index: comment.index,
                    hint:
                        "Quote the whole text: \"\(text) \(comment.words)\". Before a comment write two spaces."
                ))
        }
        let text = try decoder.text(node, what)
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw decoder.error(
                "spec.empty_prompt", "\(what) is empty", at: node.mark,
                do: "Describe the picture in a few words, or leave the key out.")
        }
        return text
    }

    private func drags(_ node: YAMLNode, _ units: EditSpec.Units) throws(Failure) -> [EditSpec.Drag] {
        let forms = DragForms(decoder: decoder)
        let items = node.isNull ? [] : try forms.items(node)
        guard items.count <= 64 else {
            throw decoder.error(
                "spec.too_many_drags", "there are \(items.count) drags", at: items[64].mark,
                do: "Write at most 64.")
        }
        var drags: [EditSpec.Drag] = []
        for item in items {
            let entries = try forms.ends(item)
            var ends: [Located<EditSpec.Point>] = []
            var shapes: [EditSpec.Region] = []
            for key in ["from", "to"] {
                guard let node = entries[key]?.value else {
                    throw decoder.error(
                        "spec.missing_key", "a drag has no `\(key)`", at: item.mark,
                        do: "Write \(DragForms.form).")
                }
                if !forms.isPoint(node) {
                    let shape = try region(node, of: "`\(key)`")
                    shapes.append(shape)
                    ends.append(Located(try middle(of: shape, node, "`\(key)`", units), at: node.mark))
                } else {
                    ends.append(Located(try point(node, "`\(key)`", units), at: node.mark))
                }
            }
            guard shapes.count != 1 else {
                throw decoder.error(
                    "spec.drag_kinds", "one end of the drag is a point and the other a region", at: item.mark,
                    do:
                        "Write two points or two regions, such as {from: {circle: [x, y, r]}, to: {circle: [x, y, r]}}."
                )
            }
            guard ends[0].value != ends[1].value else {
                throw decoder.error(
                    "spec.handle_on_target", "the handle lies on its target", at: ends[1].mark,
                    do: "Move `to` away from `from`, or remove the drag.")
            }
            let regions = shapes.isEmpty ? nil : EditSpec.Regions(from: shapes[0], to: shapes[1])
            drags.append(EditSpec.Drag(from: ends[0], to: ends[1], regions: regions))
        }
        return drags
    }

    /// The point that a region of a drag stands for. It lies in the picture, as a point does.
    private func middle(
        of region: EditSpec.Region, _ node: YAMLNode, _ what: String, _ units: EditSpec.Units
    ) throws(Failure) -> EditSpec.Point {
        let middle = region.middle ?? EditSpec.Point(x: -1, y: -1)
        let limit = units == .relative ? 1 : Double.infinity
        guard middle.x >= 0, middle.y >= 0, middle.x <= limit, middle.y <= limit else {
            throw decoder.error(
                "spec.point_outside",
                "the middle of \(what) is at (\(plainNumber(middle.x)), \(plainNumber(middle.y))), outside the picture",
                at: node.mark, do: "Write a region whose middle lies in the picture.")
        }
        return middle
    }

    private func point(_ node: YAMLNode, _ what: String, _ units: EditSpec.Units) throws(Failure)
        -> EditSpec.Point
    {
        let numbers = try numbers(node, what, count: 2, "[x, y]")
        if units == .relative, let index = numbers.firstIndex(where: { $0 < 0 || $0 > 1 }) {
            throw decoder.error(
                "spec.point_outside", "\(what) is at \(plainNumber(numbers[index])), outside 0…1",
                at: node.mark,
                do: "With `units: relative` write numbers from 0 to 1.")
        }
        if let index = numbers.firstIndex(where: { $0 < 0 }) {
            throw decoder.error(
                "spec.point_outside", "\(what) is at \(plainNumber(numbers[index])), outside the picture",
                at: node.mark,
                do: "Write pixels from the top left corner, from 0.")
        }
        return EditSpec.Point(x: numbers[0], y: numbers[1])
    }

    func numbers(_ node: YAMLNode, _ what: String, count: Int, _ form: String) throws(Failure)
        -> [Double]
    {
        guard case .sequence(let items, _) = node else {
            let meant = MeantNumbers(node)?.list(of: count).map { "Write \($0)." }
            throw decoder.wrongKind(node, what, form, do: meant)
        }
        guard items.count == count else { throw wrongCount(node, items, what, count, form) }
        if case .mapping? = items.first, let meant = MeantNumbers(node)?.list(of: count) {
            throw decoder.error(
                "spec.type", "\(what) must be \(form), not a list of mappings", at: node.mark,
                do: "Write \(meant).")
        }
        var numbers: [Double] = []
        for item in items { numbers.append(try decoder.number(item, "a number of \(what)")) }
        return numbers
    }

    /// The error of a list with too few or too many numbers.
    private func wrongCount(
        _ node: YAMLNode, _ items: [YAMLNode], _ what: String, _ count: Int, _ form: String
    ) -> Failure {
        for item in items {
            guard case .scalar(let text, true, _) = item, OddCharacter.first(in: text) != nil else {
                continue
            }
            return decoder.wrongKind(item, "a number of \(what)", "a number")
        }
        var hint = "Write \(form)."
        for (left, right) in zip(items, items.dropFirst()) {
            if case .scalar(let whole, true, let mark) = left, case .scalar(let part, true, let next) = right,
                let number = decoder.decimalComma(whole, mark, part, next)
            {
                hint = "A comma separates numbers. Write a decimal point: \(number)."
                break
            }
        }
        if items.count == 1, let numbers = MeantNumbers(items[0])?.list(of: count) {
            if case .scalar = items[0] {
                hint = "Write a comma between numbers: \(numbers)."
            } else {
                hint = "Write \(numbers)."
            }
        }
        return decoder.error(
            "spec.type",
            "\(what) must be \(form), not a list of \(items.count) \(items.count == 1 ? "value" : "values")",
            at: node.mark, do: hint)
    }
}
