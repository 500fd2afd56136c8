import TensorCore

/// The features of one block, read on the feature grid without ever resizing the whole map.
///
/// A grid cell's feature is bilinear in the block's own cells (align_corners = false): rows first, then columns, each
/// step written a + f·(b − a), so that equal neighbours give exactly equal values (oracle README, choice 4).
public struct FeatureMap: Sendable {
    /// `(1, h, w, channels)`, at the block's own resolution.
    public let features: Tensor
    /// The grid.
    public let size: Size
    private let rows, columns: [Place]

    /// Where a grid row or column lies between two of the block's.
    private struct Place: Sendable {
        let low, high: Int
        let fraction: Float
    }

    /// Reads `features` on a grid of the given size.
    public init(_ features: Tensor, grid: Size) {
        precondition(features.shape.count == 4 && features.shape[0] == 1, "features \(features.shape)")
        self.features = features
        size = grid
        rows = Self.places(from: features.shape[1], to: grid.height)
        columns = Self.places(from: features.shape[2], to: grid.width)
    }

    /// How many values a cell has.
    public var channels: Int { features.shape[3] }

    private static func places(from: Int, to: Int) -> [Place] {
        (0..<to).map { i in
            let at = max((Double(i) + 0.5) * Double(from) / Double(to) - 0.5, 0)
            let low = min(Int(at), from - 1)
            return Place(low: low, high: min(low + 1, from - 1), fraction: Float(at - Double(low)))
        }
    }

    /// The feature of a cell.
    public func feature(at cell: GridCell) -> [Float] {
        let (row, column) = (rows[cell.row], columns[cell.column])
        let (width, count) = (features.shape[2], channels)
        return features.withUnsafeValues { values in
            [Float](unsafeUninitializedCapacity: count) { out, initialized in
                let (a, b) = ((row.low * width + column.low) * count, (row.high * width + column.low) * count)
                let (c, d) = (
                    (row.low * width + column.high) * count, (row.high * width + column.high) * count
                )
                for i in 0..<count {
                    let left = values[a + i] + row.fraction * (values[b + i] - values[a + i])
                    let right = values[c + i] + row.fraction * (values[d + i] - values[c + i])
                    out[i] = left + column.fraction * (right - left)
                }
                initialized = count
            }
        }
    }

    /// Adds `weight·cotangent`, the cotangent of one cell's feature, to a gradient laid out as `features`.
    func addPullBack(_ cotangent: [Float], weight: Float, at cell: GridCell, to gradient: inout [Float]) {
        let (row, column) = (rows[cell.row], columns[cell.column])
        let (width, count) = (features.shape[2], channels)
        for (y, share) in [(row.low, 1 - row.fraction), (row.high, row.fraction)] {
            for (x, part) in [(column.low, 1 - column.fraction), (column.high, column.fraction)] {
                let (factor, at) = (weight * share * part, (y * width + x) * count)
                if factor == 0 { continue }
                gradient.withUnsafeMutableBufferPointer { gradient in
                    cotangent.withUnsafeBufferPointer { cotangent in
                        for i in 0..<count { gradient[at + i] += factor * cotangent[i] }
                    }
                }
            }
        }
    }
}
