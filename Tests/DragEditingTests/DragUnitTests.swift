import Foundation
import Settings
import TensorCore
import Testing
import TestSupport

@testable import DragEditing

/// Parts of the drag loop on given feature maps (drag_units.*): rel 1e-5, cells equal.
@Suite struct DragUnitTests {
    private let json: [String: Any]
    private let file: SafeTensors
    private let grid: Size
    private let f0, f1: FeatureMap

    init() throws {
        json = try #require(try Fixtures.json("drag_units.json") as? [String: Any])
        file = try Fixtures.tensors("drag_units.safetensors")
        let size = try #require(json["grid"] as? [Int])
        grid = Size(height: size[1], width: size[0])
        f0 = FeatureMap(try file.image("f0"), grid: grid)
        f1 = FeatureMap(try file.image("f1"), grid: grid)
    }

    private func cell(_ row: [String: Any], _ key: String) throws -> GridCell {
        let xy = try #require(row[key] as? [Int])
        return GridCell(row: xy[1], column: xy[0])
    }

    private func cases() throws -> [(name: String, row: [String: Any], handle: HandlePoint)] {
        try (try #require(json["cases"] as? [[String: Any]])).map { row in
            let handle = HandlePoint(
                position: try cell(row, "handle"), start: try cell(row, "start"),
                target: try cell(row, "target"))
            return (try #require(row["name"] as? String), row, handle)
        }
    }

    @Test func `motion supervision gives the oracle's losses, steps and gradients`() throws {
        var gradientsCompared = 0
        for (name, row, handle) in try cases() where name != "tie" {
            for stepLength in EditSettings.StepLength.allCases {
                for radius in [1, 4] {
                    let supervision = MotionSupervision(radius: radius, reach: 2, stepLength: stepLength)
                    let (loss, gradient) = supervision.loss(f1, initial: f0, handles: [handle])
                    let expected = try #require(row["motion.\(stepLength.rawValue).r\(radius)"] as? Double)
                    #expect(abs(loss - expected) <= 1e-5 * expected, "\(name) \(stepLength) r\(radius)")
                    if let step = row["step.\(stepLength.rawValue)"] as? [Double] {
                        let d = supervision.step(handle)
                        #expect(abs(d.columns - step[0]) < 1e-12 && abs(d.rows - step[1]) < 1e-12, "\(name)")
                    }
                    let key = "motion.\(name).\(stepLength.rawValue).r\(radius).gradient"
                    guard file.entries[key] != nil else { continue }
                    #expect(relativeError(gradient, try file.image(key)) < 1e-5, "\(key)")
                    gradientsCompared += 1
                }
            }
        }
        #expect(gradientsCompared == 18)
    }

    @Test(arguments: [EditSettings.MotionTemplate.handle, .current])
    func `other templates and the sum give the oracle's losses and gradients`(
        _ template: EditSettings.MotionTemplate
    ) throws {
        for (name, row, handle) in try cases() where name != "tie" {
            for reduction in EditSettings.MotionReduction.allCases {
                let supervision = MotionSupervision(
                    radius: 2, reach: 2, stepLength: .unit, template: template,
                    reduction: reduction == .sum ? .sum : nil)
                let (loss, gradient) = supervision.loss(f1, initial: f0, handles: [handle])
                let key = "motion.\(template.rawValue).\(reduction.rawValue)"
                let expected = try #require(row[key] as? Double)
                #expect(abs(loss - expected) <= 1e-5 * expected, "\(name) \(key)")
                guard reduction == .sum, expected > 0 else { continue }
                let recorded = try file.image("motion.\(name).\(template.rawValue).sum.gradient")
                #expect(relativeError(gradient, recorded) < 1e-5, "\(name) \(key)")
            }
        }
    }

    @Test(arguments: EditSettings.MotionTemplate.allCases, EditSettings.MotionReduction.allCases)
    func `each form of motion supervision has the gradient that finite differences give`(
        _ template: EditSettings.MotionTemplate, _ reduction: EditSettings.MotionReduction
    ) throws {
        let handle = HandlePoint(
            position: GridCell(row: 14, column: 15), start: GridCell(row: 12, column: 12),
            target: GridCell(row: 20, column: 25))
        var settings = EditSettings()
        (settings.motionTemplate, settings.motionReduction) = (template, reduction)
        let supervision = MotionSupervision(settings, radius: 2)
        let gradient = supervision.loss(f1, initial: f0, handles: [handle]).gradient
        var generator = SeededGenerator(seed: 6)
        let direction = generator.normal(f1.features.shape)
        // The template is a constant: `current` keeps the features of the middle.
        var fixed = supervision
        if template == .current {
            settings.motionTemplate = .handle
            fixed = MotionSupervision(settings, radius: 2)
        }
        let reference = template == .current ? f1 : f0
        func loss(_ h: Float) -> Double {
            let moved = FeatureMap(.combination(1, f1.features, h, direction), grid: grid)
            return fixed.loss(moved, initial: reference, handles: [handle]).value
        }
        let expected = (loss(1e-4) - loss(-1e-4)) / 2e-4
        #expect(abs(gradient.dot(direction) - expected) < 0.02 * abs(expected))
    }

    @Test
    func `motion supervision's gradient agrees with finite differences on a finer grid than the features`()
        throws
    {
        let map = FeatureMap(f1.features, grid: Size(height: 41, width: 57))
        let start = FeatureMap(f0.features, grid: map.size)
        let handle = HandlePoint(
            position: GridCell(row: 20, column: 22), start: GridCell(row: 18, column: 20),
            target: GridCell(row: 30, column: 33))
        let supervision = MotionSupervision(radius: 3, reach: 2, stepLength: .unit)
        let gradient = supervision.loss(map, initial: start, handles: [handle]).gradient
        var generator = SeededGenerator(seed: 5)
        let direction = generator.normal(f1.features.shape)
        func loss(_ h: Float) -> Double {
            let moved = FeatureMap(.combination(1, f1.features, h, direction), grid: map.size)
            return supervision.loss(moved, initial: start, handles: [handle]).value
        }
        let expected = (loss(1e-4) - loss(-1e-4)) / 2e-4
        #expect(abs(gradient.dot(direction) - expected) < 0.02 * abs(expected))
    }

    @Test func `tracking finds the oracle's cells`() throws {
        for (name, row, handle) in try cases() {
            for mode in EditSettings.Tracking.allCases {
                if name == "tie" {
                    let flat = FeatureMap(.zeros([1, 9, 9, 1]), grid: Size(height: 9, width: 9))
                    let found = PointTracking(radius: 3, mode: mode).track(handle, in: flat, initial: flat)
                    #expect(found == (try cell(row, mode.rawValue)), "\(name) \(mode)")
                    continue
                }
                for radius in [3, 12] {
                    let found = PointTracking(radius: radius, mode: mode).track(handle, in: f1, initial: f0)
                    #expect(
                        found == (try cell(row, "track.\(mode.rawValue).r\(radius)")),
                        "\(name) \(mode) r\(radius)")
                }
                let found = PointTracking(radius: 3, mode: mode, template: .handle, norm: .l2)
                    .track(handle, in: f1, initial: f0)
                #expect(found == (try cell(row, "track.\(mode.rawValue).handle.l2")), "\(name) \(mode)")
            }
        }
    }

    @Test func `gradients are fused as in the oracle`() throws {
        let cosines = try #require(json["fusion_cosines"] as? [Double])
        for (i, cosine) in cosines.enumerated() {
            let (drag, text) = (try file.image("fusion.\(i).local"), try file.image("fusion.\(i).global"))
            for kind in EditSettings.Fusion.allCases {
                for conflict in EditSettings.FusionConflict.allCases
                where kind == .clipdrag || conflict == .subtract {
                    var settings = EditSettings()
                    (settings.fusion, settings.fusionConflict) = (kind, conflict)
                    let (fused, found) = GradientFusion(settings).fuse(drag: drag, text: text)
                    let key =
                        "fusion.\(i).\(kind.rawValue)" + (kind == .clipdrag ? ".\(conflict.rawValue)" : "")
                    #expect(relativeError(fused, try file.image(key)) < 1e-5, "\(key)")
                    if let found { #expect(abs(found - cosine) < 1e-6) }
                }
            }
        }
    }

    @Test func `Adam takes PyTorch's steps`() throws {
        var value = try file.required("adam.start")
        var adam = Adam(.init(learningRate: 0.01), shape: value.shape)
        for k in 0..<12 {
            let step = "adam.\(k < 10 ? "0" : "")\(k)"
            value = adam.step(value, gradient: try file.required("\(step).gradient"))
            #expect(relativeError(value, try file.required("\(step).value")) < 1e-5, "step \(k)")
        }
    }

    @Test func `points, sizes and radii are the oracle's`() throws {
        for row in try #require(json["points"] as? [[String: Any]]) {
            let (image, size) = (try #require(row["image"] as? [Int]), try #require(row["grid"] as? [Int]))
            let grid = FeatureGrid(
                size: Size(height: size[1], width: size[0]),
                image: Size(height: image[1], width: image[0]))
            let points = try #require(row["points"] as? [[Double]])
            let cells = try #require(row["cells"] as? [[Int]])
            for (point, expected) in zip(points, cells) {
                let cell = grid.cell(of: ImagePoint(x: point[0], y: point[1]))
                #expect([cell.column, cell.row] == expected)
            }
        }
        for row in try #require(json["sizes"] as? [[String: Any]]) {
            let (image, working) = (
                try #require(row["image"] as? [Int]), try #require(row["working"] as? [Int])
            )
            let size = WorkingSize.of(
                Size(height: image[1], width: image[0]), native: try #require(row["native"] as? Int),
                multiple: try #require(row["multiple"] as? Int))
            #expect([size.width, size.height] == working)
        }
        for row in try #require(json["radii"] as? [[String: Any]]) {
            let (size, radii) = (try #require(row["grid"] as? [Int]), try #require(row["radii"] as? [Int]))
            let grid = FeatureGrid(
                size: Size(height: size[1], width: size[0]), image: Size(height: 1, width: 1))
            let found = grid.radii(EditSettings())
            #expect([found.supervision, found.tracking] == radii)
        }
    }

    @Test func `the mask term is the weighted L1 of what may not change, and its gradient`() {
        var generator = SeededGenerator(seed: 8)
        let (a, b) = (generator.normal([1, 2, 2, 3]), generator.normal([1, 2, 2, 3]))
        let term = MaskTerm(
            mask: [true, false, false, true], size: Size(height: 2, width: 2), channels: 3, weight: 0.1)
        let (value, gradient) = term.loss(a, initial: b)
        let frozen = 3..<9
        let expected = frozen.reduce(0.0) { $0 + abs(Double(a.values[$1]) - Double(b.values[$1])) } * 0.1
        #expect(abs(value - expected) < 1e-6)
        for i in 0..<12 {
            let sign: Float = frozen.contains(i) ? (a.values[i] > b.values[i] ? 0.1 : -0.1) : 0
            #expect(gradient.values[i] == sign)
        }
    }
}
