import TensorCore

/// What an edit did between inversion and sampling, whatever its method: the one thing that verdicts, overlays,
/// animations, traces and trajectories read. Positions are cells of `grid`.
public struct EditRecord: Sendable, Codable {
    /// Why the edit of the latent ended.
    public enum Outcome: String, Sendable, Codable, CaseIterable {
        /// Every handle point arrived.
        case reached
        /// It did every step that the settings allow.
        case maxSteps = "max_steps"
        /// The time was up.
        case budget
        /// The handle points came no nearer for longer than `patience`.
        case stalled
    }

    /// One iteration.
    public struct Iteration: Sendable, Codable {
        /// Its number, from 0.
        public var k: Int
        /// The handle points after tracking.
        public var handles: [GridCell]
        /// From handle points to target points, cells.
        public var distances: [Double]
        /// The method's own numbers by name (`EditRecord.numberNames`); a name is absent where its number was not computed.
        public var numbers: [String: Double] = [:]
        /// Norm of what the optimiser was given; nil when the iteration ended the loop without an update of the latent.
        public var updateNorm: Double?
        /// Time that it took.
        public var seconds: Double = 0

        /// An iteration that has not updated the latent yet.
        public init(k: Int, handles: [HandlePoint]) {
            self.k = k
            self.handles = handles.map(\.position)
            distances = handles.map { $0.position.distance(to: $0.target) }
        }
    }

    /// What the stretch did before the method began (setting `warp`).
    public struct Stretch: Sendable, Codable {
        /// Where it put the handle points, one for each drag.
        public var positions: [GridCell]
        /// Where the content of each handle point was before a stretch that came after the edit prompt; nil: at the start.
        public var starts: [GridCell]?
        /// Time that it took.
        public var seconds: Double
        /// Whether it put every handle point at its target.
        public var isWhole: Bool
        /// Whether the method left the stretched picture's latent as it was.
        public var isAlone: Bool
    }

    /// How P_e guided the sampling (setting `text_layout`).
    public struct Guidance: Sendable, Codable, Equatable {
        /// What became of the edit's layout.
        public enum Layout: String, Sendable, Codable { case free, kept, redrawn }

        /// nil: P_e would replace much and not show, so it is left out.
        public var layout: Layout?
        /// Part of the picture whose content a free layout replaces, 0…1; nil: not measured.
        public var replaced: Double?
        /// Cells of the latent that the edit prompt may have changed, row-major; nil: all.
        public var cells: [Int]?
    }

    /// The grid of handle points and target points.
    public var grid: FeatureGrid
    /// The handle points as the edit left them, one for each drag.
    public var handles: [HandlePoint]
    /// Names of the numbers of every iteration, in the order in which they are listed.
    public var numberNames: [String]
    /// Whole numbers that held throughout, by name: a trace lists them.
    public var constants: [String: [Int]]
    /// Every iteration.
    public var iterations: [Iteration] = []
    /// The picture's scaled latent as each update predicted it, `(1, h, w, 4)`: decoded, they are an animation.
    public var previews: [Tensor] = []
    /// Why the edit of the latent ended.
    public var outcome = Outcome.maxSteps
    /// The stretch before the first iteration; nil: there was none.
    public var stretch: Stretch?
    /// P_e's part in the sampling; nil: it has none.
    public var guidance: Guidance?

    /// All but the previews, which are tensors.
    private enum CodingKeys: String, CodingKey {
        case grid, handles, numberNames, constants, iterations, outcome, stretch, guidance
    }

    /// The record of an edit that has not begun.
    public init(
        grid: FeatureGrid, handles: [HandlePoint], numberNames: [String] = [],
        constants: [String: [Int]] = [:]
    ) {
        self.grid = grid
        self.handles = handles
        self.numberNames = numberNames
        self.constants = constants
    }

    /// Whether P_e guided the unstretched picture, which is stretched in the end: where the stretch does all of the drags, and where the
    /// picture is drawn anew. In the stretched picture's latent a new thing would ignore the drags, and a face's parts tear.
    public var isStretchedLast: Bool {
        guard let stretch, let layout = guidance?.layout else { return false }
        return stretch.isWhole || layout == .redrawn
    }

    /// Whether the edit is nothing but the stretch. What CLIP's gradient did for a P_e that is left out does not count.
    public var isOnlyStretched: Bool {
        guard let stretch, guidance?.layout == nil else { return false }
        return stretch.isAlone || stretch.isWhole && guidance != nil
    }

    /// Updates of the latent.
    public var steps: Int { iterations.count { $0.updateNorm != nil } }

    /// Where a drag's handle point was: at its start, where an edit prompt had moved it before the stretch, after the stretch, and after
    /// each iteration.
    public func path(ofDrag index: Int) -> [GridCell] {
        [handles[index].start] + (guided(ofDrag: index).map { [$0] } ?? [])
            + (stretch.map { [$0.positions[index]] } ?? []) + iterations.map { $0.handles[index] }
    }

    /// Where an edit prompt had moved a handle's content before the stretch; nil: it had not.
    public func guided(ofDrag index: Int) -> GridCell? {
        guard let start = stretch?.starts?[index], start != handles[index].start else { return nil }
        return start
    }
}
