import Failures
import YAMLDocuments

/// Masks, the regions of drags, and the region that an edit works on.
extension SpecDecoder {
    /// The regions of `mask`.
    func mask(_ node: YAMLNode) throws(Failure) -> [Located<EditSpec.Region>] {
        guard case .sequence(let items, _) = node else { return [Located(try region(node), at: node.mark)] }
        if let shape = bareShape(items) {
            throw decoder.error(
                "spec.type", "`mask` is a list of numbers, which names no shape", at: node.mark,
                do: "Write mask: \(shape).")
        }
        guard !items.isEmpty else {
            throw decoder.error(
                "spec.empty_mask", "`mask` is an empty list", at: node.mark,
                do: "Name a region, or leave `mask` out.")
        }
        var regions: [Located<EditSpec.Region>] = []
        for item in items { regions.append(Located(try region(item), at: item.mark)) }
        return regions
    }

    /// The shape that the author of a list of numbers or points probably intended.
    private func bareShape(_ items: [YAMLNode]) -> String? {
        func numbers(_ items: [YAMLNode]) -> String? {
            let texts = items.compactMap { item -> String? in
                guard case .scalar(let text, _, _) = item, isPlainNumber(text) else { return nil }
                return text
            }
            return texts.count == items.count ? "[\(texts.joined(separator: ", "))]" : nil
        }
        if let list = numbers(items), !items.isEmpty {
            switch items.count {
            case 3: return "{circle: \(list)}"
            case 4: return "{rect: \(list)}"
            default: return "{rect: [x, y, width, height]}"
            }
        }
        let corners = items.compactMap { item -> String? in
            guard case .sequence(let pair, _) = item, pair.count == 2 else { return nil }
            return numbers(pair)
        }
        guard corners.count == items.count, let first = corners.first else { return nil }
        return corners.count == 1 ? "{circle: [x, y, radius]}" : "{polygon: [\(first), …]}"
    }

    private func region(_ node: YAMLNode) throws(Failure) -> EditSpec.Region {
        guard case .mapping = node else {
            if case .scalar(let text, let isPlain, _) = node, !node.isNull,
                !isPlain || (!isPlainNumber(text) && !["true", "false"].contains(text.lowercased()))
            {
                return .file(try fileName(node, "`mask`"))
            }
            throw decoder.wrongKind(
                node, "a region of `mask`", "a picture's name, {rect: …}, {circle: …} or {polygon: …}",
                do: "Write {rect: [x, y, width, height]}, {circle: [x, y, radius]} or {polygon: [[x, y], …]}."
            )
        }
        return try region(node, of: "a region of `mask`")
    }

    /// The shape of a mapping.
    func region(_ node: YAMLNode, of what: String) throws(Failure) -> EditSpec.Region {
        let entries = try decoder.mapping(node, what, keys: ["rect", "circle", "polygon"])
        guard entries.count == 1, let entry = entries.values.first else {
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
            if let corner = MeantNumbers(value)?.firstCorner, isFlat(value) {
                var kind = value.kind
                if case .sequence = value { kind = "a list of numbers" }
                throw decoder.error(
                    "spec.type", "`polygon` must be a list of [x, y], not \(kind)", at: value.mark,
                    do: "Write [\(corner), …].")
            }
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

    /// Whether a value is a text, or a list of numbers and no points.
    private func isFlat(_ node: YAMLNode) -> Bool {
        guard case .sequence(let items, _) = node else { return true }
        return items.allSatisfy { if case .scalar = $0 { true } else { false } }
    }

    /// `region` of a spec.
    func workingRegion(_ node: YAMLNode) throws(Failure) -> EditSpec.WorkingRegion {
        guard case .mapping = node else {
            if let rectangle = MeantNumbers(node)?.list(of: 4) {
                throw decoder.wrongKind(
                    node, "`region`", "auto, whole or {rect: …}", do: "Write {rect: \(rectangle)}.")
            }
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
