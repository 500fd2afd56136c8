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
        /// The handle; the middle of a region's box.
        public var from: Located<Point>
        /// The target, likewise.
        public var to: Located<Point>
        /// The regions; nil for a drag of points.
        public var regions: Regions?
    }

    /// The regions of a drag: the content of one is to fill the other.
    public struct Regions: Sendable, Equatable {
        /// Where the content is, and where it shall be. None is a file.
        public var from, to: Region
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

    /// Whether there is anything to edit.
    var hasWork: Bool { !drags.isEmpty || editPrompt != nil }

    /// Files that the spec names, each with its place.
    public var references: [Located<String>] {
        (image.map { [$0] } ?? [])
            + mask.compactMap { region in
                guard case .file(let name) = region.value else { return nil }
                return Located(name, at: region.mark)
            }
    }
}

extension EditSpec.Region {
    /// The middle of its box; nil for a file.
    var middle: EditSpec.Point? {
        switch self {
        case .file: return nil
        case .rectangle(let x, let y, let width, let height):
            return EditSpec.Point(x: x + width / 2, y: y + height / 2)
        case .circle(let x, let y, _): return EditSpec.Point(x: x, y: y)
        case .polygon(let corners):
            guard let left = corners.map(\.x).min(), let right = corners.map(\.x).max(),
                let top = corners.map(\.y).min(), let bottom = corners.map(\.y).max()
            else { return nil }
            return EditSpec.Point(x: (left + right) / 2, y: (top + bottom) / 2)
        }
    }
}
