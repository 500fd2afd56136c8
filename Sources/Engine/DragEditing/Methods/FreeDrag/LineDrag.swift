import Diffusion
import Foundation
import Settings
import TensorCore

/// FreeDrag's loop: choose a place on each handle's line, pull the template there for a few updates, let the template adapt.
///
/// Source: docs/methods/freedrag.md; oracle `methods/freedrag.py`.
struct LineDrag {
    private let model: DiffusionModel
    private let settings: EditSettings
    private let task: DragTask
    private let run: MethodRun
    private let guidance: TextGuidance?
    private let mask: MaskTerm?
    private let search: LineSearch
    private let clock = ContinuousClock()

    init(
        _ model: DiffusionModel, _ settings: EditSettings, _ task: DragTask, _ run: MethodRun,
        guidance: TextGuidance?, mask: MaskTerm?
    ) {
        self.model = model
        self.settings = settings
        self.task = task
        self.run = run
        self.guidance = guidance
        self.mask = mask
        search = LineSearch(expected: settings.featureLoss, reachable: settings.searchDistance)
    }

    /// - Throws: what `report` throws; `edit.not_finite`.
    func edit() throws -> EditedLatent {
        let radius = task.grid.radii(settings).supervision
        var record = EditRecord(
            grid: task.grid, handles: task.handles, numberNames: DragLoop.numberNames,
            constants: ["radii": [radius]])
        var z = task.start
        var adam = Adam(.init(settings), shape: z.shape)
        var updates = LatentUpdates(settings, run.trace)
        let first = sourceFeatures()
        // One pass at a time: a pass keeps much for its way back.
        var pass: Pass? = Pass(model, settings, z, task)
        var templates = task.handles.map { FeatureTemplate($0, radius: radius, in: first.features) }

        while true {
            if !templates.isEmpty && templates.allSatisfy(\.hasArrived) {
                record.outcome = .reached
                break
            }
            if record.steps >= settings.dragStepLimit { break }
            for i in templates.indices where !templates[i].hasArrived {
                if let pass { templates[i].place = search.next(templates[i], in: pass.features) }
            }
            for inner in 0..<settings.placeSteps where record.steps < settings.dragStepLimit {
                if run.isOutOfTime() {
                    record.outcome = .budget
                    return finish(z, record, templates)
                }
                let start = clock.now
                let losses = try update(
                    &z, &adam, &updates, &record, pass.take() ?? Pass(model, settings, z, task), templates,
                    first)
                pass = Pass(model, settings, z, task)
                record.iterations[record.iterations.count - 1].seconds = seconds(since: start, clock)
                try run.report(record.steps)
                for i in templates.indices where inner == 0 { templates[i].lossBefore = losses[i] }
                if !losses.isEmpty && losses.max() ?? 0 < search.enough { break }
            }
            guard let features = pass?.features else { break }
            for i in templates.indices {
                templates[i].adapt(to: features, search: search, reach: settings.reach)
            }
        }
        return finish(z, record, templates)
    }

    /// F⁰ and x⁰_{t−1}.
    private func sourceFeatures() -> Pass.Snapshot {
        let source = Pass(model, settings, task.inverted, task, isDifferentiable: false)
        run.trace("features.initial", source.gridFeatures)
        return source.snapshot
    }

    /// One update of the latent by the pass over it. Returns each template's loss before it.
    private func update(
        _ z: inout Tensor, _ adam: inout Adam, _ updates: inout LatentUpdates,
        _ record: inout EditRecord, _ pass: consuming Pass,
        _ templates: [FeatureTemplate], _ first: Pass.Snapshot
    ) throws -> [Double] {
        var row = EditRecord.Iteration(k: record.iterations.count, handles: templates.map(\.handle))
        row.distances = templates.map(\.distance)
        run.trace(traceName(row.k, "latent"), z)
        let motion = FeatureTemplate.loss(of: templates, in: pass.features)
        let gradients = pass.gradients(
            of: (motion.losses.reduce(0, +), motion.gradient),
            holding: mask.map {
                Pass.Held(mask: $0, latent: task.inverted, previous: first.previous)
            }, towards: guidance, step: row.k)
        record.previews.append(pass.prediction)
        try updates.update(&z, &adam, &row, gradients)
        record.iterations.append(row)
        return motion.losses
    }

    private func finish(
        _ z: Tensor, _ record: EditRecord, _ templates: [FeatureTemplate]
    ) -> EditedLatent {
        var record = record
        record.handles = templates.map(\.handle)
        return EditedLatent(latent: z, record: record)
    }
}

/// A place of the feature grid, between cells.
struct GridPlace: Sendable, Equatable {
    var row, column: Double

    func distance(to other: GridPlace) -> Double {
        ((row - other.row) * (row - other.row) + (column - other.column) * (column - other.column))
            .squareRoot()
    }

    /// `part` of the way to another place; may be below 0.
    func moved(_ part: Double, towards other: GridPlace) -> GridPlace {
        GridPlace(row: row + part * (other.row - row), column: column + part * (other.column - column))
    }

    /// The nearest cell of a grid, halves to even.
    func cell(in grid: Size) -> GridCell {
        func index(_ value: Double, _ count: Int) -> Int {
            min(max(Int(value.rounded(.toNearestOrEven)), 0), count - 1)
        }
        return GridCell(row: index(row, grid.height), column: index(column, grid.width))
    }
}

extension GridPlace {
    /// A cell's middle.
    init(_ cell: GridCell) { self.init(row: Double(cell.row), column: Double(cell.column)) }
}

/// A handle's template: the features of a patch, where it lies now, and how well it fits there.
struct FeatureTemplate: Sendable {
    /// The handle that it began at.
    private let origin: HandlePoint
    private let radius: Int
    private let grid: Size
    /// A row of the patch after the other, `channels` values a cell.
    private(set) var features: [[Float]]
    /// The patch's middle.
    var place: GridPlace
    /// Mean difference to the features at the place, before the first and after the last update for it.
    var lossBefore = 0.0
    private(set) var lossAfter = 0.0
    /// Whether it lies at its target and fits there.
    private(set) var hasArrived = false

    init(_ handle: HandlePoint, radius: Int, in initial: FeatureMap) {
        origin = handle
        self.radius = radius
        grid = initial.size
        place = GridPlace(handle.position)
        features = []
        features = patch(at: GridPlace(handle.start), in: initial)
    }

    /// The target's middle.
    var target: GridPlace { GridPlace(origin.target) }
    /// Cells from the place to the target.
    var distance: Double { place.distance(to: target) }
    /// The handle point, rounded to a cell.
    var handle: HandlePoint {
        HandlePoint(position: place.cell(in: grid), start: origin.start, target: origin.target)
    }

    private func samples(at place: GridPlace, _ grid: Size) -> [PlacedSample] {
        (-radius...radius).flatMap { dr in
            (-radius...radius).map { dc in
                PlacedSample(row: dr, column: dc, by: (place.row, place.column), grid: grid)
            }
        }
    }

    private func patch(at place: GridPlace, in map: FeatureMap) -> [[Float]] {
        samples(at: place, map.size).map { $0.value(map) }
    }

    /// Mean absolute difference between the template and the features around a place.
    func difference(at place: GridPlace, in map: FeatureMap) -> Double {
        Self.difference(features, patch(at: place, in: map))
    }

    private static func difference(_ a: [[Float]], _ b: [[Float]]) -> Double {
        var sum = 0.0
        for (x, y) in zip(a, b) { for i in x.indices { sum += Double(abs(y[i] - x[i])) } }
        return sum / Double(a.count * (a.first?.count ?? 1))
    }

    /// Takes over the features at the place: all of them where the template has arrived, else the part s = 1/(1 + exp(a·(loss − b)))
    /// with a = ln 9/(0.6·l) and b = 0.2·l.
    mutating func adapt(to map: FeatureMap, search: LineSearch, reach: Double) {
        let present = patch(at: place, in: map)
        lossAfter = Self.difference(features, present)
        hasArrived = distance < reach && lossAfter <= search.enough
        let share = hasArrived ? 1 : Float(search.adaptation(lossAfter))
        for i in features.indices {
            for c in features[i].indices {
                features[i][c] = share * present[i][c] + (1 - share) * features[i][c]
            }
        }
    }

    /// Each template's mean difference where it lies, and the gradient of their sum to the features.
    static func loss(
        of templates: [FeatureTemplate], in map: FeatureMap
    ) -> (losses: [Double], gradient: Tensor) {
        var gradient = [Float](repeating: 0, count: map.features.count)
        let losses = templates.map { template in
            let slope = 1 / Float(template.features.count * map.channels)
            var sum = 0.0
            for (sample, wanted) in zip(template.samples(at: template.place, map.size), template.features) {
                let found = sample.value(map)
                var sign = [Float](repeating: 0, count: found.count)
                for i in found.indices {
                    let difference = found[i] - wanted[i]
                    sum += Double(abs(difference))
                    sign[i] = difference > 0 ? slope : difference < 0 ? -slope : 0
                }
                sample.addPullBack(sign, map, to: &gradient)
            }
            return sum / Double(template.features.count * map.channels)
        }
        return (losses, Tensor(map.features.shape, gradient))
    }
}

/// Line search with backtracking: where on its line a template is pulled to next.
struct LineSearch: Sendable {
    /// l: the difference that is taken at once.
    let expected: Double
    /// d_max: how far the search looks ahead, cells.
    let reachable: Double
    /// Places that are looked at.
    private static let candidates = 10

    /// The difference below which a template fits: 0.5·l.
    var enough: Double { 0.5 * expected }

    /// The part of a template that gives way to the features with a difference of `loss`.
    func adaptation(_ loss: Double) -> Double {
        1 / (1 + exp(log(9) / (0.6 * expected) * (loss - 0.2 * expected)))
    }

    /// The next place of a template.
    ///
    /// - A template that fits goes on: of ten places as far as d_max, the one whose difference is nearest to l.
    /// - One that fits better than before stays.
    /// - Else it steps back by d_max, and takes the best-fitting of ten places as far as 2·d_max from there.
    func next(_ template: FeatureTemplate, in map: FeatureMap) -> GridPlace {
        let (here, target) = (template.place, template.target)
        if template.lossAfter < enough {
            return best(from: here, to: target, reachable, template, map) { abs($0 - expected) }
        }
        if template.lossAfter < template.lossBefore { return here }
        let back = here.moved(-part(reachable, here, target), towards: target)
        return best(from: back, to: target, 2 * reachable, template, map) { $0 }
    }

    private func part(_ length: Double, _ from: GridPlace, _ to: GridPlace) -> Double {
        min(length / (from.distance(to: to) + 1e-8), 1)
    }

    private func best(
        from: GridPlace, to target: GridPlace, _ length: Double, _ template: FeatureTemplate,
        _ map: FeatureMap, score: (Double) -> Double
    ) -> GridPlace {
        let end = from.moved(part(length, from, target), towards: target)
        let places = (1...Self.candidates).map {
            from.moved(Double($0) / Double(Self.candidates), towards: end)
        }
        let scores = places.map { score(template.difference(at: $0, in: map)) }
        let least = scores.min() ?? 0
        return places[scores.firstIndex(of: least) ?? 0]
    }
}
