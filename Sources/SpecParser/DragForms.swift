import Failures
import YAMLDocuments

/// The numbers of a value in a form that people write and a spec does not accept, such as `84 22`, `(84, 22)` and `{x: 84, y: 22}`.
/// Messages show them in the right form.
struct MeantNumbers: Equatable {
    /// The numbers, as their author wrote them.
    let texts: [String]

    private init(texts: [String]) { self.texts = texts }

    /// The numbers of a value that holds nothing else; nil for others, and where their order is not certain.
    init?(_ node: YAMLNode) {
        switch node {
        case .scalar(let text, _, _):
            guard let texts = Self.numbers(in: text) else { return nil }
            self.init(texts: texts)
        case .sequence(let items, _):
            // `[x: 84, y: 22]` is a list of two mappings.
            let pairs = items.compactMap { item -> YAMLEntry? in
                guard case .mapping(let entries, _) = item, entries.count == 1 else { return nil }
                return entries[0]
            }
            if pairs.count == items.count, !pairs.isEmpty {
                self.init(entries: pairs)
                return
            }
            var texts: [String] = []
            for item in items {
                guard let part = Self(item) else { return nil }
                texts += part.texts
            }
            guard !texts.isEmpty else { return nil }
            self.init(texts: texts)
        case .mapping(let entries, _): self.init(entries: entries)
        }
    }

    /// The names of the numbers of a point or a shape, and of a drag, each with its place.
    private static let names: [[String: Int]] = [
        ["x": 0, "y": 1, "w": 2, "width": 2, "r": 2, "radius": 2, "h": 3, "height": 3],
        ["x1": 0, "y1": 1, "x2": 2, "y2": 3],
    ]

    private init?(entries: [YAMLEntry]) {
        // `{84, 22}` has numbers for keys.
        if entries.allSatisfy({ isPlainNumber($0.key) && $0.value.isNull }), !entries.isEmpty {
            self.init(texts: entries.map(\.key))
            return
        }
        for places in Self.names {
            var texts: [Int: String] = [:]
            for entry in entries {
                guard let place = places[entry.key.lowercased()], let value = Self(entry.value)?.texts,
                    value.count == 1
                else { break }
                texts[place] = value[0]
            }
            if !entries.isEmpty, texts.count == entries.count, texts.keys.max() == entries.count - 1 {
                self.init(texts: texts.sorted { $0.key < $1.key }.map(\.value))
                return
            }
        }
        return nil
    }

    /// The numbers of a text such as `84 22`, `(84, 22)`, `84px, 22px`, `x=84 y=22` and `84,22 -> 90,30`.
    private static func numbers(in text: String) -> [String]? {
        let words = text.replacing("->", with: " ").unicodeScalars.split {
            " \t\n,;:()[]{}<>/|=".unicodeScalars.contains($0)
        }
        .map { String($0).lowercased() }
        let names = words.filter { $0 == "x" || $0 == "y" }
        let isOrdered = names.enumerated().allSatisfy { $0.element == ($0.offset % 2 == 0 ? "x" : "y") }
        let numbers = words.filter { !["x", "y", "px", "-", "to", "\u{2192}"].contains($0) }
            .map { $0.hasSuffix("px") ? String($0.dropLast(2)) : $0 }
        guard !numbers.isEmpty, numbers.allSatisfy(isPlainNumber), isOrdered, names.count <= numbers.count
        else { return nil }
        return numbers
    }

    /// The numbers as one list, where it would have `count` of them.
    func list(of count: Int) -> String? {
        texts.count == count ? "[\(texts.joined(separator: ", "))]" : nil
    }

    /// The numbers as drags, four a drag: the first one, and an ellipsis for more; nil where they are no whole points.
    var drags: String? {
        guard texts.count >= 2, texts.count.isMultiple(of: 2) else { return nil }
        let to = texts.count > 2 ? "[\(texts[2]), \(texts[3])]" : "[x, y]"
        return "{from: [\(texts[0]), \(texts[1])], to: \(to)}" + (texts.count > 4 ? ", \u{2026}" : "")
    }

    /// The first of the corners that the numbers are, where these are at least three points.
    var firstCorner: String? {
        texts.count >= 6 && texts.count.isMultiple(of: 2) ? "[\(texts[0]), \(texts[1])]" : nil
    }

    /// The numbers as one drag.
    var drag: String? { texts.count == 4 ? drags : nil }
}

/// Drags in other forms than a spec's.
struct DragForms {
    let decoder: DocumentDecoder

    /// The form of a drag.
    static let form = "{from: [x, y], to: [x, y]}"

    /// Other words for a handle point and for a target point.
    private static let handleNames = [
        "handle", "handle_point", "start", "start_point", "source", "src", "begin", "origin", "old", "p1",
        "a",
    ]
    private static let targetNames = [
        "target", "target_point", "end", "end_point", "destination", "dest", "dst", "goal", "stop", "new",
        "p2",
        "b",
    ]

    /// The items of `drags`.
    ///
    /// - Throws: the error of drags in another form, with the right one.
    func items(_ node: YAMLNode) throws(Failure) -> [YAMLNode] {
        guard case .sequence(let items, _) = node else {
            throw decoder.wrongKind(node, "`drags`", "a list of \(Self.form)", do: meantDrags(node))
        }
        let isNumbers = items.allSatisfy { if case .scalar = $0 { isPlain($0) } else { false } }
        let isPoints = items.allSatisfy {
            if case .sequence(let pair, _) = $0 { pair.count == 2 && pair.allSatisfy(isPlain) } else { false }
        }
        if !items.isEmpty, isNumbers || isPoints {
            throw decoder.error(
                "spec.type",
                "`drags` is a list of \(isNumbers ? "numbers" : "points"), which does not say what goes where",
                at: node.mark,
                do: "Write drags: [\(MeantNumbers(node)?.drags ?? Self.form)].")
        }
        for (item, next) in zip(items, items.dropFirst()) {
            guard keys(item) == ["from"], keys(next) == ["to"] else { continue }
            throw decoder.error(
                "spec.missing_key", "this item of `drags` has `to` alone, and the item before it `from`",
                at: next.mark, do: "Remove the `- ` before `to`: one drag is one item.")
        }
        return items
    }

    private func keys(_ node: YAMLNode) -> [String] {
        guard case .mapping(let entries, _) = node else { return [] }
        return entries.map(\.key)
    }

    private func isPlain(_ node: YAMLNode) -> Bool {
        guard case .scalar(let text, _, _) = node else { return false }
        return isPlainNumber(text)
    }

    /// What to write for one drag, or the text of several, that stands where a list of drags must.
    private func meantDrags(_ node: YAMLNode) -> String? {
        if let drags = MeantNumbers(node)?.drags { return "Write drags: [\(drags)]." }
        guard case .mapping(let entries, _) = node else { return nil }
        return "Put each drag into a list: drags: [\(drag(entries))]."
    }

    /// The drag that a mapping with any names for its ends holds, as far as these are points.
    private func drag(_ entries: [YAMLEntry]) -> String {
        let ends = [["from"] + Self.handleNames, ["to"] + Self.targetNames].map { names in
            entries.first { names.contains($0.key.lowercased()) }
                .flatMap { MeantNumbers($0.value)?.list(of: 2) } ?? "[x, y]"
        }
        return "{from: \(ends[0]), to: \(ends[1])}"
    }

    /// The ends of a drag by their keys.
    ///
    /// - Throws: the error of a drag in another form, with the right one.
    func ends(_ item: YAMLNode) throws(Failure) -> [String: YAMLEntry] {
        guard case .mapping(let entries, _) = item else {
            let meant = MeantNumbers(item)?.drag.map { "Write \($0)." }
            throw decoder.wrongKind(item, "a drag", Self.form, do: meant)
        }
        if let drag = MeantNumbers(item)?.drag {
            throw decoder.wrongKind(item, "a drag", Self.form, do: "Write \(drag).")
        }
        try refuseCutPoint(entries)
        for entry in entries {
            let name = entry.key.lowercased()
            let isHandle = Self.handleNames.contains(name)
            guard isHandle || Self.targetNames.contains(name) else { continue }
            throw decoder.error(
                "spec.unknown_key",
                "a drag has no key `\(entry.key)`: its \(isHandle ? "handle" : "target") is `\(isHandle ? "from" : "to")`",
                at: entry.keyMark, do: "Write \(drag(entries)).")
        }
        return try decoder.mapping(
            item, "a drag", keys: ["from", "to"],
            places: Dictionary(uniqueKeysWithValues: SpecDecoder.keys.map { ($0, "") }))
    }

    /// Refuses `{from: (84, 22), …}` and `{from: 84, 22, …}`: between brackets a comma ends a value, so the second number is a key
    /// without a value.
    private func refuseCutPoint(_ entries: [YAMLEntry]) throws(Failure) {
        for (entry, rest) in zip(entries, entries.dropFirst()) {
            guard case .scalar(let text, true, let mark) = entry.value, rest.value.isNull,
                mark.line == rest.keyMark.line,
                let point = MeantNumbers(.scalar("\(text), \(rest.key)", isPlain: true, mark))?.list(of: 2)
            else { continue }
            throw decoder.error(
                "spec.type", "`\(entry.key)` must be [x, y], not `\(text), \(rest.key)`", at: mark,
                do: "Write \(entry.key): \(point).")
        }
    }

    /// Whether a mapping at a drag's end is a point in another form, and not a region.
    func isPoint(_ node: YAMLNode) -> Bool {
        guard case .mapping(let entries, _) = node else { return true }
        return entries.contains { ["x", "y"].contains($0.key.lowercased()) || isPlainNumber($0.key) }
    }
}
