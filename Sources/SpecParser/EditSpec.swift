import Settings
import YAMLDocuments

/// A job's spec as its author wrote it. `JobPlan` fills in the defaults later.
public struct EditSpec: Sendable, Equatable {
    /// A point as written: pixels, or parts of the picture's sides.
    public struct Point: Sendable, Equatable {
        /// From the left.
        public var x: Double
        /// From the top.
        public var y: Double

        /// The point `(x, y)`.
        public init(x: Double, y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// One drag.
    public struct Drag: Sendable, Equatable {
        /// The handle.
        public var from: Located<Point>
        /// The target.
        public var to: Located<Point>
    }

    /// One region of a mask.
    public enum Region: Sendable, Equatable {
        /// A picture: pixels that are not black may change.
        case file(String)
        /// Left, top, width, height.
        case rectangle(x: Double, y: Double, width: Double, height: Double)
        /// Middle and radius.
        case circle(x: Double, y: Double, radius: Double)
        /// Corners.
        case polygon([Point])
    }

    /// The part of the picture on which the edit works.
    public enum WorkingRegion: Sendable, Equatable {
        /// The surroundings of drags and mask.
        case auto
        /// The whole picture.
        case whole
        /// Left, top, width, height, in the spec's units.
        case rectangle(x: Double, y: Double, width: Double, height: Double)
    }

    /// Units of points.
    public enum Units: String, Sendable, CaseIterable {
        case pixels
        case relative
    }

    /// The picture's file name; nil: the spec's own stem.
    public var image: Located<String>?
    /// P_o.
    public var sourcePrompt: String?
    /// P_e.
    public var editPrompt: String?
    /// The drags.
    public var drags: [Drag] = []
    /// The picture may change in the union of these regions; empty: everywhere.
    public var mask: [Located<Region>] = []
    /// The part of the picture on which the edit works; nil: the preset's.
    public var region: Located<WorkingRegion>?
    /// The unit of points.
    public var units = Units.pixels
    /// `recommended`, `paper`, `released`, `quick`; nil: the configuration's.
    public var preset: String?
    /// The drag method's name (`MethodRow`); nil: the configuration's.
    public var method: String?
    /// Seed of all randomness.
    public var seed: UInt64 = 42
    /// Jobs with a higher priority start first.
    public var priority = 0
    /// Settings that differ from the preset's.
    public var settings: [SettingAssignment] = []
    /// The result's format, and the files beside it.
    public var output = OutputOptions()

    /// An empty spec.
    public init() {}

    /// Files that the spec names, each with its place.
    public var references: [Located<String>] {
        (image.map { [$0] } ?? [])
            + mask.compactMap { region in
                guard case .file(let name) = region.value else { return nil }
                return Located(name, at: region.mark)
            }
    }
}
