import Diffusion
import Foundation
import Imaging
import TensorCore
import TestSupport
import Testing
import Verdicts

@testable import DragEditing

/// A picture made from a source in a known way, and the answers that are right about it.
struct ConstructedPicture: Sendable {
    /// What was done: `erased`, `hole`, `smear`, …
    var kind: String
    /// What it was made from.
    var name: String
    /// Whether thresholds may be tuned on it.
    var isForTuning: Bool
    var source, result: Tensor
    /// The unedited reconstruction; nil: the source.
    var reconstruction: Tensor?
    var drags: [Drag] = []
    /// Where it may differ; nil: the drags' surroundings.
    var mask: EditMask?
    var prompt = "a picture"
    var wish: String?
    /// The right answers; nil: any.
    var drag: Set<EditVerdict.Movement>?
    var text: Set<EditVerdict.TextAnswer>?
    var damage: Set<EditVerdict.Damage>?
}

/// Pictures with a known answer, from examples/bench and examples/images.
enum ConstructedPictures {
    private static let root = "\(Fixtures.folder)/../.."

    static func picture(_ path: String) throws -> Tensor {
        let image = try Image(decoding: Array(Data(contentsOf: URL(filePath: "\(root)/\(path)"))))
        return Tensor([1, image.height, image.width, 3], image.normalised)
    }

    /// A case of examples/bench.
    private struct BenchCase {
        var name: String
        var isForTuning: Bool
        var source, target: Tensor
        var spec: String
    }

    private static func benchCases(_ kind: String) throws -> [BenchCase] {
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(root)/examples/bench").sorted()
        return try names.filter { $0.hasPrefix(kind) }.map { name in
            let folder = "examples/bench/\(name)"
            let facts = try String(contentsOfFile: "\(root)/\(folder)/case.json", encoding: .utf8)
            return BenchCase(
                name: name, isForTuning: facts.contains("\"half\": \"tune\""),
                source: try picture("\(folder)/image.png"), target: try picture("\(folder)/target.png"),
                spec: try String(contentsOfFile: "\(root)/\(folder)/spec.yaml", encoding: .utf8))
        }
    }

    private static func drags(in spec: String) -> [Drag] {
        spec.matches(of: #/from: \[([\d.]+), ([\d.]+)\], to: \[([\d.]+), ([\d.]+)\]/#).map { match in
            Drag(
                from: ImagePoint(x: Double(match.1) ?? 0, y: Double(match.2) ?? 0),
                to: ImagePoint(x: Double(match.3) ?? 0, y: Double(match.4) ?? 0))
        }
    }

    /// A correct warp, an untouched copy and three kinds of damage for each warp case.
    static func moved() throws -> [ConstructedPicture] {
        try benchCases("warp-").enumerated().flatMap { n, found -> [ConstructedPicture] in
            let (source, target, drags) = (found.source, found.target, drags(in: found.spec))
            let around = EditMask.around(drags, size: source.size)
            func made(_ kind: String, _ result: Tensor, drags: [Drag] = []) -> ConstructedPicture {
                ConstructedPicture(
                    kind: kind, name: found.name, isForTuning: found.isForTuning, source: source,
                    result: result, drags: drags, mask: kind == "outside" ? around : source.everywhere)
            }
            var warped = made("warp", target, drags: drags)
            (warped.drag, warped.damage) = ([.moved], [.none])
            var copy = made("copy", source, drags: drags)
            (copy.drag, copy.damage) = ([.unchanged], [.none])
            let damaged = damages(source, around: around).enumerated().filter { ($0.offset + n) % 2 == 0 }.map
            {
                kind -> ConstructedPicture in
                var picture = made(kind.element.kind, kind.element.result)
                picture.damage = kind.element.kind == "hole" ? [.severe] : [.slight, .severe]
                return picture
            }
            return [warped, copy] + damaged
        }
    }

    /// Every kind of damage, where the picture has most detail.
    private static func damages(_ source: Tensor, around: EditMask) -> [(kind: String, result: Tensor)] {
        let place = source.busiestPlace
        return [
            ("erased", source.erased(around: place, radius: 10)),
            ("hole", source.filled(around: place, radius: 8)),
            ("smear", source.smeared(around: place, radius: 16)),
            ("shifted", source.shifted(around: place, radius: 10, by: (9, 14))),
            ("cast", source.tinted([0.8, 1, 0.75], in: around)),
            ("outside", source.tinted([0.85, 0.85, 1], in: around.inverted)),
        ]
    }

    /// Names of the pictures that the starter's CLIP knows.
    private static let known = [
        "crying-face", "deciduous-tree", "dog-face", "grinning-face", "penguin", "rabbit-face", "red-apple",
        "sun-with-face", "sunflower", "tropical-fish", "house",
    ]

    /// Wishes: pasted, not granted, and pretended to CLIP alone.
    static func wished(_ model: DiffusionModel) throws -> [ConstructedPicture] {
        let pictures = try known.map { try picture("examples/images/\($0).png") }
        return known.indices.flatMap { i -> [ConstructedPicture] in
            func made(_ kind: String, _ wish: Int, _ result: Tensor) -> ConstructedPicture {
                ConstructedPicture(
                    kind: kind, name: known[i], isForTuning: i % 2 == 0, source: pictures[i], result: result,
                    prompt: words(known[i]), wish: words(known[wish]))
            }
            let (next, other) = ((i + 1) % known.count, (i + 4) % known.count)
            var pasted = [made("pasted", next, pictures[next]), made("pasted", other, pictures[other])]
            for n in pasted.indices { (pasted[n].text, pasted[n].damage) = ([.visible], [.none]) }
            var copy = made("wish not granted", next, pictures[i])
            (copy.text, copy.damage) = ([.none], [.none])
            var pretended = made(
                "pretended", (i + 3) % known.count,
                pictures[i].pretending(words(known[(i + 3) % known.count]), to: model))
            pretended.text = [.none, .unclear]
            return pasted + [copy, pretended]
        }
    }

    /// One face, and what is to become of it: the face that P_e names is right, everything else is not.
    static func nuances(_ model: DiffusionModel) throws -> [ConstructedPicture] {
        let cases = try benchCases("expression-")
        let prompts = try cases.map { found in
            let match = try #require(found.spec.firstMatch(of: #/source: "(.+)"\s+edit: "(.+)"/#))
            return (own: String(match.1), wish: String(match.2))
        }
        return cases.indices.flatMap { i -> [ConstructedPicture] in
            let (source, prompt) = (cases[i].source, prompts[i])
            func made(_ kind: String, _ result: Tensor) -> ConstructedPicture {
                ConstructedPicture(
                    kind: kind, name: cases[i].name, isForTuning: cases[i].isForTuning, source: source,
                    result: result, prompt: prompt.own, wish: prompt.wish,
                    text: kind == "target" ? [.visible] : [.none, .unclear])
            }
            let place = source.busiestPlace
            let others = cases.indices.filter { ![prompts[$0].wish, prompts[$0].own].contains(prompt.wish) }
            return [
                made("target", cases[i].target),
                made("copy", source),
                made("erased", source.erased(around: place, radius: 10)),
                made("smear", source.smeared(around: place, radius: 16)),
                made("shifted", source.shifted(around: place, radius: 10, by: (9, 14))),
                made("cast", source.tinted([0.8, 1, 0.75], in: source.everywhere)),
                made("pretended", source.pretending(prompt.wish, to: model)),
                made("another face", cases[others[(i + 3) % others.count]].target),
            ]
        }
    }

    /// Pictures of edits with the words of a person who looked at them, enlarged (Tests/Fixtures/verdict).
    static func lookedAt() throws -> [ConstructedPicture] {
        struct Row: Decodable {
            let result, reconstruction, source, prompt: String
            let wish: String?
            let drags: [[[Double]]]
            let drag: EditVerdict.Movement?
            let text: EditVerdict.TextAnswer?
            let damage: EditVerdict.Damage
        }
        let fixtures = "Tests/Fixtures/verdict"
        let rows = try JSONDecoder().decode(
            [Row].self, from: Data(contentsOf: URL(filePath: "\(root)/\(fixtures)/eye.json")))
        return try rows.map { row in
            let drags = row.drags.map { points in
                Drag(
                    from: ImagePoint(x: points[0][0], y: points[0][1]),
                    to: ImagePoint(x: points[1][0], y: points[1][1]))
            }
            return ConstructedPicture(
                kind: "edit", name: row.result, isForTuning: true,
                source: try picture("examples/images/\(row.source)"),
                result: try picture("\(fixtures)/\(row.result)"),
                reconstruction: try picture("\(fixtures)/\(row.reconstruction)"), drags: drags,
                prompt: row.prompt, wish: row.wish, drag: row.drag.map { [$0] }, text: row.text.map { [$0] },
                damage: [row.damage])
        }
    }

    private static func words(_ name: String) -> String { name.replacing("-", with: " ") }
}

extension EditMask {
    fileprivate var inverted: EditMask { EditMask(size: size, values: values.map { !$0 }) }
}

extension Tensor {
    fileprivate var everywhere: EditMask {
        EditMask(size: size, values: Array(repeating: true, count: size.height * size.width))
    }

    fileprivate var size: Size { Size(height: shape[1], width: shape[2]) }

    /// The picture with a colour at each pixel where `change` has one.
    private func changed(_ change: (_ row: Int, _ column: Int, _ old: SIMD3<Float>) -> SIMD3<Float>?)
        -> Tensor
    {
        var values = self.values
        for i in 0..<size.height * size.width {
            let old = SIMD3(values[3 * i], values[3 * i + 1], values[3 * i + 2])
            guard let new = change(i / size.width, i % size.width, old) else { continue }
            for c in 0..<3 { values[3 * i + c] = min(max(new[c], 0), 1) }
        }
        return Tensor(shape, values)
    }

    private func colour(_ row: Int, _ column: Int) -> SIMD3<Float> {
        let i = 3 * (min(max(row, 0), size.height - 1) * size.width + min(max(column, 0), size.width - 1))
        return withUnsafeValues { SIMD3($0[i], $0[i + 1], $0[i + 2]) }
    }

    private static func isInside(_ place: GridCell, _ row: Int, _ column: Int, _ radius: Int) -> Bool {
        place.squaredDistance(to: GridCell(row: row, column: column)) <= radius * radius
    }

    /// The middle of the disc of radius 8 whose colours vary most.
    fileprivate var busiestPlace: GridCell {
        var best = (variance: -1.0, cell: GridCell(row: 0, column: 0))
        for row in stride(from: 20, to: size.height - 20, by: 4) {
            for column in stride(from: 20, to: size.width - 20, by: 4) {
                var (sum, squares, count) = (0.0, 0.0, 0.0)
                for y in stride(from: row - 8, through: row + 8, by: 2) {
                    for x in stride(from: column - 8, through: column + 8, by: 2) {
                        let grey = Double(colour(y, x).sum() / 3)
                        sum += grey
                        squares += grey * grey
                        count += 1
                    }
                }
                let variance = squares / count - (sum / count) * (sum / count)
                if variance > best.variance { best = (variance, GridCell(row: row, column: column)) }
            }
        }
        return best.cell
    }

    /// A disc painted with the mean colour of its rim.
    fileprivate func erased(around place: GridCell, radius: Int) -> Tensor {
        let rim = (0..<24).map { n -> SIMD3<Float> in
            let angle = Double(n) * .pi / 12
            return colour(
                place.row + Int((Double(radius + 2) * sin(angle)).rounded()),
                place.column + Int((Double(radius + 2) * cos(angle)).rounded()))
        }
        let mean = rim.reduce(SIMD3<Float>(), +) / 24
        return changed { row, column, _ in Self.isInside(place, row, column, radius) ? mean : nil }
    }

    /// A disc of a colour that the picture does not have there.
    fileprivate func filled(around place: GridCell, radius: Int) -> Tensor {
        changed { row, column, _ in Self.isInside(place, row, column, radius) ? SIMD3(0.9, 0.1, 0.9) : nil }
    }

    /// A disc averaged over nine by nine pixels.
    fileprivate func smeared(around place: GridCell, radius: Int) -> Tensor {
        changed { row, column, _ in
            guard Self.isInside(place, row, column, radius) else { return nil }
            var sum = SIMD3<Float>()
            for y in row - 4...row + 4 { for x in column - 4...column + 4 { sum += colour(y, x) } }
            return sum / 81
        }
    }

    /// A disc repeated beside itself.
    fileprivate func shifted(around place: GridCell, radius: Int, by way: (rows: Int, columns: Int)) -> Tensor
    {
        changed { row, column, _ in
            let from = (row: row - way.rows, column: column - way.columns)
            return Self.isInside(place, from.row, from.column, radius) ? colour(from.row, from.column) : nil
        }
    }

    /// The colours times a tint where a mask is.
    fileprivate func tinted(_ tint: SIMD3<Float>, in mask: EditMask) -> Tensor {
        changed { row, column, old in mask.values[row * size.width + column] ? old * tint : nil }
    }

    /// The picture with what raises a CLIP model's score for a text and no eye sees: at most 10 of 255 per sample.
    fileprivate func pretending(_ text: String, to model: DiffusionModel) -> Tensor {
        guard let guide = model.guide else { return self }
        let guidance = ClipGuidance(guide.clip, target: guide.embedding(of: text), weight: 1)
        let (least, step): (Float, Float) = (10.0 / 255, 2.0 / 255)
        var picture = self
        for _ in 0..<20 {
            let leaf = Variable(trainable: picture)
            let (_, embedding, cotangent) = guidance.loss(leaf)
            let slope = gradients(of: [(embedding, cotangent)], withRespectTo: [leaf])[0].values
            let (old, first) = (picture.values, values)
            picture = Tensor(
                shape,
                old.indices.map { i in
                    let moved = old[i] - (slope[i] > 0 ? step : slope[i] < 0 ? -step : 0)
                    return min(max(min(max(moved, first[i] - least), first[i] + least), 0), 1)
                })
        }
        return picture
    }
}
