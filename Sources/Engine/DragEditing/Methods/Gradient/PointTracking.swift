import Settings

/// Point tracking (eq. 7): where has the content of a handle's start gone?
///
/// The new handle is the cell of the square of `radius` around the old one whose feature is nearest (L1 over channels)
/// to the start's feature in F0. `fast` admits only cells strictly nearer to the target; `guarded` also keeps the
/// handle when the best of them matches worse than the present place does; `nearest` admits all.
/// Ties go to the first cell in row-major order. With the template `handle` the feature in F0 is the one at the handle's
/// present place, and the norm may be L2. Source: docs/algorithm.md section 3, step 2; oracle `track`.
struct PointTracking: Sendable {
    let radius: Int
    let mode: EditSettings.Tracking
    let template: EditSettings.TrackingTemplate
    let norm: EditSettings.TrackingNorm

    /// Tracking in squares of `2·radius+1` cells.
    init(
        radius: Int, mode: EditSettings.Tracking, template: EditSettings.TrackingTemplate = .start,
        norm: EditSettings.TrackingNorm = .l1
    ) {
        self.radius = radius
        self.mode = mode
        self.template = template
        self.norm = norm
    }

    /// What the settings name.
    init(_ settings: EditSettings, radius: Int) {
        self.init(
            radius: radius, mode: settings.tracking, template: settings.trackingTemplate,
            norm: settings.trackingNorm)
    }

    /// Where the handle is now.
    func track(
        _ handle: HandlePoint, in features: FeatureMap, initial: FeatureMap
    ) -> GridCell {
        let wanted = initial.feature(at: template == .start ? handle.start : handle.position)
        let (position, target) = (handle.position, handle.target)
        let distanceNow = position.squaredDistance(to: target)
        var best: (cell: GridCell, difference: Float)?
        for row in max(0, position.row - radius)...min(features.size.height - 1, position.row + radius) {
            for column in max(
                0, position.column - radius)...min(features.size.width - 1, position.column + radius)
            {
                let cell = GridCell(row: row, column: column)
                if mode != .nearest && cell.squaredDistance(to: target) >= distanceNow { continue }
                let difference = difference(features.feature(at: cell), wanted)
                if best.map({ difference < $0.difference }) ?? true { best = (cell, difference) }
            }
        }
        guard let best else { return position }
        if mode == .guarded && best.difference > difference(features.feature(at: position), wanted) {
            return position
        }
        return best.cell
    }

    /// L1 distance, or the square of the L2 distance, which orders cells alike. One order of summation for every cell, so that
    /// equal cells tie exactly.
    private func difference(_ a: [Float], _ b: [Float]) -> Float {
        var sum: Float = 0
        switch norm {
        case .l1: for i in a.indices { sum += abs(a[i] - b[i]) }
        case .l2: for i in a.indices { sum += (a[i] - b[i]) * (a[i] - b[i]) }
        }
        return sum
    }
}
