import Settings

/// How a drag loop finds the content of its handles again, and what it supervises each with.
protocol HandleTracking {
    /// Sees the source's features and the handles at their starts, before the first iteration.
    mutating func begin(_ initial: FeatureMap, _ handles: [HandlePoint])
    /// Moves the handles to where their content is now.
    mutating func track(_ handles: inout [HandlePoint], in features: FeatureMap, from initial: FeatureMap)
    /// One template a handle; nil: the settings' for all.
    var templates: [EditSettings.MotionTemplate]? { get }
    /// Names of its numbers.
    var numberNames: [String] { get }
    /// The last tracking's numbers, for the record.
    var numbers: [String: Double] { get }
}

extension PointTracking: HandleTracking {
    func begin(_ initial: FeatureMap, _ handles: [HandlePoint]) {}

    func track(_ handles: inout [HandlePoint], in features: FeatureMap, from initial: FeatureMap) {
        for i in handles.indices {
            handles[i].position = track(handles[i], in: features, initial: initial)
        }
    }

    var templates: [EditSettings.MotionTemplate]? { nil }
    var numberNames: [String] { [] }
    var numbers: [String: Double] { [:] }
}

extension GridCell {
    /// The cells of a grid at most `radius` rows and columns away, row by row.
    func square(_ radius: Int, in grid: Size) -> some Sequence<GridCell> {
        let rows = max(0, row - radius)...min(grid.height - 1, row + radius)
        let columns = max(0, column - radius)...min(grid.width - 1, column + radius)
        return rows.lazy.flatMap { row in columns.lazy.map { GridCell(row: row, column: $0) } }
    }
}
