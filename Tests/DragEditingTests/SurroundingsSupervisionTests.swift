import Settings
import TensorCore
import Testing
import TestSupport

@testable import DragEditing

/// Motion supervision of the drags' surroundings, on maps whose features are a cell's own coordinates: what a cell is asked to look
/// like then says where its content is to come from.
@Suite struct SurroundingsSupervisionTests {
    private static let grid = Size(height: 64, width: 64)

    private func places(_ size: Size, of content: (_ row: Double, _ column: Double) -> (Double, Double))
        -> FeatureMap
    {
        FeatureMap(
            Tensor(
                [1, size.height, size.width, 2],
                (0..<size.height * size.width).flatMap { i in
                    let (row, column) = content(Double(i / size.width), Double(i % size.width))
                    return [Float(row), Float(column)]
                }), grid: size)
    }

    private var source: FeatureMap { places(Self.grid) { ($0, $1) } }

    private func handle(
        at position: (Int, Int), from start: (Int, Int) = (30, 28), to target: (Int, Int) = (36, 36)
    ) -> HandlePoint {
        HandlePoint(
            position: GridCell(row: position.0, column: position.1),
            start: GridCell(row: start.0, column: start.1),
            target: GridCell(row: target.0, column: target.1))
    }

    private func supervision(
        _ handles: [HandlePoint], holds: Bool = true, isStretched: Bool = false, mask: EditMask? = nil
    )
        -> SurroundingsSupervision
    {
        SurroundingsSupervision(
            MotionSupervision(radius: 2, reach: 1, stepLength: .unit, holdsArrived: holds), handles: handles,
            initial: source,
            isStretched: isStretched, mask: mask)
    }

    @Test func `a mask that ends at the target leaves no room to bend the surroundings; the drags' own does`()
    {
        let drag = Drag(from: ImagePoint(x: 28, y: 30), to: ImagePoint(x: 36, y: 36))
        let around = EditMask.around([drag], size: Self.grid)
        let narrow = EditMask(
            size: Self.grid,
            values: (0..<64 * 64).map { i in
                let (y, x) = (Double(i / 64) - 33, Double(i % 64) - 32)
                return x * x + y * y < 36
            })
        let moving = [handle(at: (30, 28))]
        #expect(supervision(moving).reachesTargets)
        #expect(supervision(moving, mask: around.resized(to: Size(height: 32, width: 32))).reachesTargets)
        #expect(!supervision(moving, mask: narrow).reachesTargets)
        // One drag without room is enough.
        let still = handle(at: (50, 50), from: (50, 50), to: (50, 50))
        #expect(!supervision(moving + [still], mask: narrow).reachesTargets)
    }

    @Test func `a source whose handles are at their targets is as wanted`() {
        let still = handle(at: (30, 28), to: (30, 28))
        var asked = supervision([still])
        let (loss, gradient) = asked.loss(source, handles: [still])
        #expect(loss == 0 && gradient.norm == 0)
    }

    @Test func `the content around a handle is asked for at its target, and nothing beyond the drag's disc`()
    {
        let arrived = handle(at: (36, 36))
        let drag = Drag(from: ImagePoint(x: 28, y: 30), to: ImagePoint(x: 36, y: 36))
        let disc = EditMask.Disc(around: drag, size: Self.grid)
        var asked = supervision([arrived])
        // Around the target the features are those around the start; a gradient of 0 says that a cell is as wanted.
        let moved = places(Self.grid) { ($0 - 6, $1 - 8) }
        let gradient = asked.loss(moved, handles: [arrived]).gradient.values
        let kept = asked.loss(source, handles: [arrived]).gradient.values
        for i in 0..<Self.grid.height * Self.grid.width {
            let (row, column) = (i / Self.grid.width, i % Self.grid.width)
            if abs(row - 36) <= 2 && abs(column - 36) <= 2 {
                #expect(abs(gradient[2 * i]) == 0 && abs(gradient[2 * i + 1]) == 0, "(\(row), \(column))")
                #expect(kept[2 * i] > 0 && kept[2 * i + 1] > 0, "(\(row), \(column))")
            }
            if !disc.contains(Double(column), Double(row)) {
                #expect(kept[2 * i] == 0 && kept[2 * i + 1] == 0, "(\(row), \(column))")
            }
        }
    }

    @Test
    func `after a stretch what is in its place is held, and not asked to go back to where tracking sees it`()
    {
        let placed = handle(at: (36, 36))
        var asked = supervision([placed], isStretched: true)
        let lost = handle(at: (33, 32))
        #expect(asked.loss(source, handles: [lost]).value == 0)
        let other = places(Self.grid) { ($0 + 1, $1) }
        #expect(asked.loss(other, handles: [lost]).gradient.norm > 0)
        var free = supervision([placed], holds: false, isStretched: true)
        #expect(free.loss(other, handles: [placed]).gradient.norm == 0)
        #expect(free.loss(other, handles: [lost]).gradient.norm > 0)
    }

    @Test func `a goal lies twice the remaining way ahead of its handle until that has arrived`() {
        let near = handle(at: (34, 36))
        var asked = SurroundingsSupervision(
            MotionSupervision(radius: 2, reach: 1, stepLength: .capped), handles: [handle(at: (30, 28))],
            initial: source, isStretched: false, mask: nil)
        // At the goal (38, 36), two rows beyond the target, lies what was at the start.
        let gradient = asked.loss(places(Self.grid) { ($0 - 8, $1 - 8) }, handles: [near]).gradient.values
        let i = 38 * Self.grid.width + 36
        #expect(gradient[2 * i] == 0 && gradient[2 * i + 1] == 0)
    }

    @Test func `cells that a mask holds are not asked for`() {
        let mask = EditMask(
            size: Size(height: 32, width: 32), values: (0..<32 * 32).map { $0 % 32 >= 12 })
        let arrived = handle(at: (36, 36))
        var asked = supervision([arrived], mask: mask)
        let gradient = asked.loss(source, handles: [arrived]).gradient.values
        for i in 0..<Self.grid.height * Self.grid.width where i % Self.grid.width < 24 {
            #expect(gradient[2 * i] == 0 && gradient[2 * i + 1] == 0)
        }
        #expect(gradient.contains { $0 != 0 })
    }

    @Test func `the gradient agrees with finite differences on a finer grid than the features`() throws {
        let file = try Fixtures.tensors("drag_units.safetensors")
        let grid = Size(height: 41, width: 57)
        let f0 = FeatureMap(try file.image("f0"), grid: grid)
        let f1 = FeatureMap(try file.image("f1"), grid: grid)
        let handles = [
            handle(at: (20, 22), from: (18, 20), to: (30, 33)),
            handle(at: (9, 40), from: (9, 40), to: (5, 46)),
        ]
        var asked = SurroundingsSupervision(
            MotionSupervision(radius: 3, reach: 2, stepLength: .capped), handles: handles, initial: f0,
            isStretched: false, mask: nil)
        let gradient = asked.loss(f1, handles: handles).gradient
        var generator = SeededGenerator(seed: 5)
        // Uphill everywhere: along a way on which the slopes cancel, the loss's kinks would count for more than its slope.
        let direction = Tensor(
            f1.features.shape,
            zip(generator.normal(f1.features.shape).values, gradient.values).map {
                $1 < 0 ? -abs($0) : abs($0)
            })
        func loss(_ h: Float) -> Double {
            asked.loss(
                FeatureMap(.combination(1, f1.features, h, direction), grid: grid), handles: handles
            ).value
        }
        let expected = (loss(1e-4) - loss(-1e-4)) / 2e-4
        #expect(abs(gradient.dot(direction) - expected) < 0.005 * abs(expected))
    }

    @Test func `settle steps go on after the handles have arrived, and hold what has arrived`() throws {
        let job = try #require(FixtureJob.all.first { $0.name == "reached_early" })
        let recorded = try job.run().result.record
        #expect(recorded.outcome == .reached && recorded.steps == 2)
        let settled = try job.run { $0.settleSteps = 3 }.result.record
        #expect(settled.outcome == .reached && settled.steps == 5)
        #expect(settled.iterations[2].distances.allSatisfy { $0 < 2 })
        #expect(settled.iterations[4].numbers["motion_loss"] ?? 0 > 0)
    }
}
