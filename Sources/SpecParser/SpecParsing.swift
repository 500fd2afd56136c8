import Failures
import Foundation
import Settings
import YAMLDocuments

/// A spec together with its text, so that what is found out later can still be shown at its place.
public struct ParsedSpec: Sendable {
    /// What was written.
    public let spec: EditSpec
    private let text: String
    private let file: String

    init(spec: EditSpec, text: String, file: String) {
        self.spec = spec
        self.text = text
        self.file = file
    }

    /// An error at a place of this spec.
    public func error(_ code: String, _ message: String, at mark: SourceMark, do hint: String) -> Failure {
        SourceText(file: file, text: text, .badSpec).error(code, message, at: mark, do: hint)
    }
}

/// Reads a job's spec; all that needs no picture is checked.
///
/// - Parameters:
///   - bytes: YAML or JSON.
///   - file: its name, for messages.
/// - Throws: the first thing that is wrong.
public func parseSpec(_ bytes: [UInt8], file: String) throws(Failure) -> ParsedSpec {
    let (root, source) = try YAMLReader.read(bytes, file: file, .badSpec)
    guard let root, !root.isNull else {
        throw source.error(
            "spec.empty", "the spec is empty", at: .start,
            do: "Write at least `drags:` or `prompt: {edit: …}`.")
    }
    let spec = try SpecDecoder(decoder: DocumentDecoder(source: source)).spec(root)
    return ParsedSpec(
        spec: spec,
        text: String(decoding: bytes, as: UTF8.self).replacingOccurrences(of: "\u{feff}", with: ""),
        file: file)
}

private struct SpecDecoder {
    let decoder: DocumentDecoder

    static let keys = [
        "image", "prompt", "drags", "mask", "region", "units", "preset", "method", "seed", "priority",
        "settings",
        "output",
    ]

    func spec(_ root: YAMLNode) throws(Failure) -> EditSpec {
        let entries = try decoder.mapping(root, "a spec", keys: Self.keys)
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
            spec.seed = UInt64(try decoder.integer(node, "`seed`", in: 0...Int.max))
        }
        if let node = entries["priority"]?.value {
            spec.priority = try decoder.integer(node, "`priority`", in: -1000...1000)
        }
        if let node = entries["settings"]?.value, !node.isNull {
            spec.settings = try decoder.settings(node, "`settings`")
        }
        if let node = entries["output"]?.value, !node.isNull { spec.output = try decoder.output(node) }
        guard !spec.drags.isEmpty || spec.editPrompt != nil else {
            throw decoder.error(
                "spec.nothing_to_do", "there are neither drags nor an edit prompt",
                at: entries["drags"]?.keyMark ?? root.mark,
                do: "Write `drags:`, or `prompt: {edit: …}`, or both.")
        }
        return spec
    }

    private func fileName(_ node: YAMLNode, _ what: String) throws(Failure) -> String {
        let name = try decoder.text(node, what)
        guard !name.isEmpty else {
            throw decoder.error("spec.type", "\(what) is empty", at: node.mark, do: "Write a file name.")
        }
        guard !name.utf8.contains(0) else {
            throw decoder.error(
                "spec.type", "\(what) holds a null character", at: node.mark, do: "Write a file name.")
        }
        return name
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
        let text = try decoder.text(node, what)
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw decoder.error(
                "spec.empty_prompt", "\(what) is empty", at: node.mark,
                do: "Describe the picture in a few words, or leave the key out.")
        }
        return text
    }

    private func drags(_ node: YAMLNode, _ units: EditSpec.Units) throws(Failure) -> [EditSpec.Drag] {
        let items = node.isNull ? [] : try decoder.list(node, "`drags`")
        guard items.count <= 64 else {
            throw decoder.error(
                "spec.too_many_drags", "there are \(items.count) drags", at: items[64].mark,
                do: "Write at most 64.")
        }
        var drags: [EditSpec.Drag] = []
        for item in items {
            let entries = try decoder.mapping(item, "a drag", keys: ["from", "to"])
            var ends: [Located<EditSpec.Point>] = []
            for key in ["from", "to"] {
                guard let node = entries[key]?.value else {
                    throw decoder.error(
                        "spec.missing_key", "a drag has no `\(key)`", at: item.mark,
                        do: "Write {from: [x, y], to: [x, y]}.")
                }
                ends.append(Located(try point(node, "`\(key)`", units), at: node.mark))
            }
            guard ends[0].value != ends[1].value else {
                throw decoder.error(
                    "spec.handle_on_target", "the handle lies on its target", at: ends[1].mark,
                    do: "Move `to` away from `from`, or remove the drag.")
            }
            drags.append(EditSpec.Drag(from: ends[0], to: ends[1]))
        }
        return drags
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

    private func numbers(_ node: YAMLNode, _ what: String, count: Int, _ form: String) throws(Failure)
        -> [Double]
    {
        guard case .sequence(let items, _) = node, items.count == count else {
            throw decoder.wrongKind(node, what, form)
        }
        var numbers: [Double] = []
        for item in items { numbers.append(try decoder.number(item, "a number of \(what)")) }
        return numbers
    }

    private func mask(_ node: YAMLNode) throws(Failure) -> [Located<EditSpec.Region>] {
        guard case .sequence(let items, _) = node else { return [Located(try region(node), at: node.mark)] }
        guard !items.isEmpty else {
            throw decoder.error(
                "spec.empty_mask", "`mask` is an empty list", at: node.mark,
                do: "Name a region, or leave `mask` out.")
        }
        var regions: [Located<EditSpec.Region>] = []
        for item in items { regions.append(Located(try region(item), at: item.mark)) }
        return regions
    }

    private func region(_ node: YAMLNode) throws(Failure) -> EditSpec.Region {
        guard case .mapping(let written, _) = node else { return .file(try fileName(node, "`mask`")) }
        let entries = try decoder.mapping(node, "a region of `mask`", keys: ["rect", "circle", "polygon"])
        guard written.count == 1, let entry = written.first else {
            throw decoder.error(
                "spec.mask_region", "a region has \(entries.count) shapes", at: node.mark,
                do: "Write one shape a region; a list joins several.")
        }
        let value = entry.value
        switch entry.key {
        case "rect":
            let n = try numbers(value, "`rect`", count: 4, "[x, y, width, height]")
            guard n[2] > 0, n[3] > 0 else { throw emptyShape(value, "`rect`") }
            return .rectangle(x: n[0], y: n[1], width: n[2], height: n[3])
        case "circle":
            let n = try numbers(value, "`circle`", count: 3, "[x, y, radius]")
            guard n[2] > 0 else { throw emptyShape(value, "`circle`") }
            return .circle(x: n[0], y: n[1], radius: n[2])
        default:
            let items = try decoder.list(value, "`polygon`")
            guard (3...10000).contains(items.count) else {
                throw decoder.error(
                    "spec.mask_region", "`polygon` has \(items.count) corners", at: value.mark,
                    do: "Write at least 3: [[x, y], …].")
            }
            var corners: [EditSpec.Point] = []
            for item in items {
                let n = try numbers(item, "a corner", count: 2, "[x, y]")
                corners.append(EditSpec.Point(x: n[0], y: n[1]))
            }
            return .polygon(corners)
        }
    }

    private func workingRegion(_ node: YAMLNode) throws(Failure) -> EditSpec.WorkingRegion {
        guard case .mapping = node else {
            let word = try decoder.word(node, "`region`", among: ["auto", "whole"])
            return word == "whole" ? .whole : .auto
        }
        let entries = try decoder.mapping(node, "`region`", keys: ["rect"])
        guard let value = entries["rect"]?.value else {
            throw decoder.error(
                "spec.missing_key", "`region` has no `rect`", at: node.mark,
                do: "Write auto, whole, or {rect: [x, y, width, height]}.")
        }
        let n = try numbers(value, "`rect`", count: 4, "[x, y, width, height]")
        guard n[2] > 0, n[3] > 0 else {
            throw decoder.error(
                "spec.region", "`rect` has no extent", at: value.mark, do: "Write sizes above 0.")
        }
        return .rectangle(x: n[0], y: n[1], width: n[2], height: n[3])
    }

    private func emptyShape(_ node: YAMLNode, _ what: String) -> Failure {
        decoder.error("spec.mask_region", "\(what) has no area", at: node.mark, do: "Write sizes above 0.")
    }
}
