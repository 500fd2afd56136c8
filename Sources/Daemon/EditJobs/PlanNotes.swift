import Diffusion
import DragEditing
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
        if let places = named(flat, drags) {
            notes.append(
                "\(places) on a part of the picture that has one colour: nothing is there to be dragged")
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

    /// Notes on rectangles and polygons of the mask that extend beyond the picture.
    static func regions(of parsed: ParsedSpec, width: Int, height: Int) -> [String] {
        let beyond = parsed.spec.mask.filter { region in
            region.value.corners.contains {
                let scale = parsed.spec.units == .relative ? (Double(width), Double(height)) : (1, 1)
                return $0.x < 0 || $0.y < 0 || $0.x * scale.0 > Double(width)
                    || $0.y * scale.1 > Double(height)
            }
        }
        guard !beyond.isEmpty else { return [] }
        let lines = beyond.map { String($0.mark.line) }
        let places =
            beyond.count == 1
            ? "a region of the mask (line \(lines[0])) reaches"
            : "regions of the mask (lines \(lines.joined(separator: ", "))) reach"
        return ["\(places) beyond the picture of \(width)×\(height) pixels: the part in the picture counts"]
    }
}

extension EditSpec.Region {
    /// The corners of a rectangle or polygon; none for other shapes.
    fileprivate var corners: [EditSpec.Point] {
        switch self {
        case .rectangle(let x, let y, let width, let height):
            [EditSpec.Point(x: x, y: y), EditSpec.Point(x: x + width, y: y + height)]
        case .polygon(let corners): corners
        case .file, .circle: []
        }
    }
}

extension Image {
    /// The index of the pixel that contains a point.
    fileprivate func index(of point: ImagePoint) -> Int {
        min(max(Int(point.y), 0), height - 1) * width + min(max(Int(point.x), 0), width - 1)
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
