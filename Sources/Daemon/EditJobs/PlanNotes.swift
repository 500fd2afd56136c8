import Diffusion
import DragEditing
import Foundation
import Imaging
import Settings
import SpecParser
import YAMLDocuments

/// Remarks for the author of a job before it runs. None of them is an error.
enum PlanNotes {
    /// Notes on the prompts of a spec that are too long for the model's text encoders.
    ///
    /// - Parameter model: the model's folder.
    static func prompts(of spec: EditSpec, model: String) -> [String] {
        let prompts = [("prompt.source", spec.sourcePrompt), ("prompt.edit", spec.editPrompt)]
        return prompts.compactMap { name, text in text.flatMap { cut($0, "`\(name)`", model) } }
    }

    /// The note on a prompt that is too long for its encoders.
    ///
    /// - Parameter name: the prompt's name, such as "`prompt.edit`".
    static func cut(_ prompt: String, _ name: String, _ model: String) -> String? {
        // A token has at least one byte, so most prompts need no vocabulary here.
        guard prompt.utf8.count > 64 else { return nil }
        let tokenizers = ["tokenizer", "clip"].compactMap { try? Tokenizer(folder: "\(model)/\($0)") }
        guard let cut = tokenizers.compactMap({ $0.cut(prompt) }).max(by: { $0.count < $1.count }) else {
            return nil
        }
        let lost = cut.count == 1 ? "its last word is lost:" : "its last \(cut.count) words are lost, from"
        return
            "the model reads \(cut.tokens) tokens of a text and \(name) has more: \(lost) `\(cut.firstWord)` (word \(cut.position))"
            + (cut.count == 1 ? "" : " on")
    }

    /// Words of the prompts that the model was never trained on, where its own vocabulary says which those are.
    ///
    /// - Parameter model: the model's folder.
    static func unknownWords(of spec: EditSpec, model: String) -> [String] {
        guard let text = try? String(contentsOfFile: "\(model)/vocabulary.txt", encoding: .utf8),
            let known = try? Vocabulary(text, file: "").words, !known.isEmpty
        else { return [] }
        let prompts = [("prompt.source", spec.sourcePrompt), ("prompt.edit", spec.editPrompt)]
        return prompts.compactMap { name, prompt in
            var unknown: [String] = []
            for word in Vocabulary.words(of: prompt ?? "")
            where word.count > 1 && !known.contains(word) && !unknown.contains(word) {
                unknown.append(word)
            }
            guard !unknown.isEmpty else { return nil }
            let shown = unknown.prefix(5).map { "`\($0)`" }.joined(separator: ", ")
            let more = unknown.count > 5 ? " and \(unknown.count - 5) more" : ""
            let words = unknown.count == 1 ? "a word" : "words"
            return "the model was not trained on \(words) of `\(name)`: \(shown)\(more)"
        }
    }

    /// Handle points that the model's grid cannot tell apart.
    ///
    /// - Parameter handles: on the grid.
    static func coinciding(_ handles: [HandlePoint]) -> [String] {
        handles.indices.flatMap { i in
            (0..<i).filter { handles[$0].position == handles[i].position }.map {
                "on the model's grid the handles of drags \($0 + 1) and \(i + 1) are one point: the grid cannot tell them apart"
            }
        }
    }

    /// Notes on handle points from which nothing can move.
    static func handles(_ drags: [Drag], on image: Image, mask: EditMask?) -> [String] {
        let mask = mask?.isEmpty == false ? mask : nil
        let outside = drags.indices.filter { i in
            mask.map { !$0.values[image.index(of: drags[i].handle)] } ?? false
        }
        let flat = drags.indices.filter { image.isFlat(around: drags[$0].handle) }
        var notes: [String] = []
        if let places = named(outside, drags) {
            notes.append("\(places) outside the mask: what the mask holds still is not dragged")
        }
        let ground = image.ground
        let beside = drags.indices.filter { i in
            !flat.contains(i) && ground.map { image.has($0, around: drags[i].handle) } ?? false
        }
        if let places = named(beside, drags) {
            notes.append(
                "\(places) on the picture's plain background: what lies beside the content is dragged")
        }
        if let places = named(flat, drags) {
            notes.append(
                "\(places) on a part of the picture that has one colour: nothing is there to be dragged")
        }
        return notes
    }

    /// Regions of drags that do less than they say.
    static func dragRegions(
        _ drags: [Drag], mask: EditMask?, _ method: any DragMethod, _ settings: EditSettings
    ) -> [String] {
        let regions = drags.indices.filter { drags[$0].regions != nil }
        guard !regions.isEmpty else { return [] }
        var notes: [String] = []
        if !method.needs(settings).regions {
            notes.append(
                "the method `\(method.name)` moves points: of each region of a drag it takes the middle")
        }
        if let mask {
            let cut = regions.filter { i in
                drags[i].regions.map { pair in
                    mask.values.indices.contains {
                        !mask.values[$0] && (pair.from.values[$0] || pair.to.values[$0])
                    }
                } ?? false
            }
            if !cut.isEmpty {
                let numbers = cut.map { String($0 + 1) }.joined(separator: ", ")
                notes.append(
                    "regions of drag \(numbers) reach out of the mask: what lies outside the mask does not change"
                )
            }
        }
        return notes
    }

    /// "the handle of drag 2 at (20, 20) lies", or "the handles of drags 1 and 3 lie".
    private static func named(_ indices: [Int], _ drags: [Drag]) -> String? {
        guard let last = indices.last else { return nil }
        guard indices.count > 1 else {
            let handle = drags[last].handle
            return
                "the handle of drag \(last + 1) at (\(plainNumber(handle.x)), \(plainNumber(handle.y))) lies"
        }
        let first = indices.dropLast().map { String($0 + 1) }.joined(separator: ", ")
        return "the handles of drags \(first) and \(last + 1) lie"
    }

    /// Shapes of the mask that reach beyond the picture.
    static func regions(of parsed: ParsedSpec, width: Int, height: Int) -> [String] {
        let shown = 5
        let scale = parsed.spec.units == .relative ? (Double(width), Double(height)) : (1, 1)
        let beyond = parsed.spec.mask.filter { region in
            region.value.extent(scale).map {
                $0.left < 0 || $0.top < 0 || $0.right > Double(width) || $0.bottom > Double(height)
            } ?? false
        }
        guard !beyond.isEmpty else { return [] }
        let lines = beyond.prefix(shown).map { String($0.mark.line) }.joined(separator: ", ")
        let more = beyond.count > shown ? " and \(beyond.count - shown) more" : ""
        let places =
            beyond.count == 1
            ? "a region of the mask (line \(lines)) reaches"
            : "regions of the mask (lines \(lines)\(more)) reach"
        return ["\(places) beyond the picture of \(width)×\(height) pixels: the part in the picture counts"]
    }
}

extension EditSpec.Region {
    /// The edges of a shape in pixels; nil for a picture.
    ///
    /// - Parameter scale: pixels of one unit, across and down.
    fileprivate func extent(_ scale: (x: Double, y: Double)) -> (
        left: Double, top: Double, right: Double, bottom: Double
    )? {
        switch self {
        case .file: return nil
        case .rectangle(let x, let y, let width, let height):
            return (x * scale.x, y * scale.y, (x + width) * scale.x, (y + height) * scale.y)
        case .circle(let x, let y, let radius):
            let reach = radius * max(scale.x, scale.y)
            return (x * scale.x - reach, y * scale.y - reach, x * scale.x + reach, y * scale.y + reach)
        case .polygon(let corners):
            let (xs, ys) = (corners.map { $0.x * scale.x }, corners.map { $0.y * scale.y })
            return (xs.min() ?? 0, ys.min() ?? 0, xs.max() ?? 0, ys.max() ?? 0)
        }
    }
}

extension Image {
    /// The index of the pixel that contains a point.
    fileprivate func index(of point: ImagePoint) -> Int {
        min(max(Int(point.y), 0), height - 1) * width + min(max(Int(point.x), 0), width - 1)
    }

    /// The colour of the picture's rim, where nine tenths of the rim have it.
    fileprivate var ground: [Int]? {
        let rows = (0..<height).flatMap { row in [row * width, row * width + width - 1] }
        let columns = (0..<width).flatMap { column in [column, (height - 1) * width + column] }
        let rim: [Int] = rows + columns
        let ground = (0..<3).map { (channel: Int) -> Int in
            let sorted = rim.map { Int(samples[3 * $0 + channel]) }.sorted()
            return sorted[sorted.count / 2]
        }
        let same = rim.count { isNear(ground, $0) }
        return 10 * same >= 9 * rim.count ? ground : nil
    }

    /// Whether a pixel has a colour, but for the noise of a JPEG.
    private func isNear(_ colour: [Int], _ pixel: Int) -> Bool {
        (0..<3).allSatisfy { abs(Int(samples[3 * pixel + $0]) - colour[$0]) <= Int(maximum) * 6 / 255 }
    }

    /// Whether the 3×3 pixels at a point have a colour.
    fileprivate func has(_ colour: [Int], around point: ImagePoint) -> Bool {
        let middle = index(of: point)
        let (y, x) = (middle / width, middle % width)
        for row in max(0, y - 1)...min(height - 1, y + 1) {
            for column in max(0, x - 1)...min(width - 1, x + 1)
            where !isNear(colour, row * width + column) { return false }
        }
        return true
    }

    /// Whether all pixels around a point have one colour, apart from a JPEG's noise: 6 of 255 levels.
    ///
    /// The surroundings are a square of 1/16 of the longer side, at least 7 pixels.
    fileprivate func isFlat(around point: ImagePoint) -> Bool {
        let reach = max(3, max(width, height) / 32)
        let tolerance = Int(maximum) * 6 / 255
        let rows = max(0, Int(point.y) - reach)...min(height - 1, max(0, Int(point.y) + reach))
        let columns = max(0, Int(point.x) - reach)...min(width - 1, max(0, Int(point.x) + reach))
        for channel in 0..<3 {
            var (low, high) = (Int(maximum), 0)
            for row in rows {
                for column in columns {
                    let value = Int(samples[3 * (row * width + column) + channel])
                    (low, high) = (min(low, value), max(high, value))
                }
                if high - low > tolerance { return false }
            }
        }
        return true
    }
}
