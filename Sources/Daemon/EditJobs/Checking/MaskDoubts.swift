import DragEditing

/// Masks that will hardly do what they seem to: sentences for `check`, the preview and the trajectory's notes.
enum MaskDoubts {
    /// A mask with fewer of the latent's cells is almost none: no drag within one moved (docs/measurements/doubts.md).
    private static let fewestCells = 9
    /// So many specks are no painting but noise: paintings were seen with two, thresholded photographs with hundreds.
    private static let fewestSpecks = 20

    /// A mask of which the model sees almost nothing.
    ///
    /// - Parameters:
    ///   - mask: of the region, at the picture's scale.
    ///   - latent: rows and columns of the model's latent; nil where the model is not known.
    static func size(of mask: EditMask, latent: Size?) -> [String] {
        guard let latent else { return [] }
        let pixels = mask.values.count { $0 }
        let cells = mask.resized(to: latent).values.count { $0 }
        if cells == 0 {
            return [
                "the mask frees \(pixels) pixels and none of the model's \(latent.text) cells: the model takes it for no mask, and everything may change"
            ]
        }
        guard cells < fewestCells else { return [] }
        return [
            "the mask frees \(pixels) pixels, \(cells) of the model's \(latent.text) cells: that is almost nothing"
        ]
    }

    /// A mask that is full of specks, as a photograph taken for a mask has them.
    static func noise(in mask: EditMask, named name: String) -> [String] {
        let largest = max(8, mask.values.count / 50_000)
        let areas = Islands(mask).areas
        let islands = areas.count { $0.isFree && $0.area <= largest }
        let holes = areas.count { !$0.isFree && $0.area <= largest }
        guard islands + holes >= fewestSpecks else { return [] }
        let parts = [
            islands > 0 ? "\(islands) free specks" : nil, holes > 0 ? "\(holes) held specks" : nil,
        ].compactMap { $0 }
        return [
            "the mask \(name) has \(parts.joined(separator: " and ")) of at most \(largest) pixels, which look like noise: save it as PNG, painted in black and white"
        ]
    }
}

/// The connected parts of a mask and of what lies outside it; neighbours share a side.
struct Islands {
    /// Pixels of every part, and whether it may change.
    let areas: [(area: Int, isFree: Bool)]

    init(_ mask: EditMask) {
        // Runs of equal pixels, joined with those of the row above that they touch.
        var parents: [Int] = []
        var counts: [(area: Int, isFree: Bool)] = []
        func root(_ run: Int) -> Int {
            var run = run
            while parents[run] != run {
                parents[run] = parents[parents[run]]
                run = parents[run]
            }
            return run
        }
        var above: [(end: Int, run: Int)] = []
        for row in 0..<mask.size.height {
            let line = mask.values[row * mask.size.width..<(row + 1) * mask.size.width]
            var runs: [(end: Int, run: Int)] = []
            var (start, touching) = (line.startIndex, 0)
            while start < line.endIndex {
                let isFree = line[start]
                let end = line[start...].firstIndex { $0 != isFree } ?? line.endIndex
                let run = parents.count
                parents.append(run)
                counts.append((end - start, isFree))
                runs.append((end - line.startIndex, run))
                // A run of the row above that ends within this one may touch the next one too.
                while touching < above.count {
                    let other = above[touching]
                    let otherStart = touching == 0 ? 0 : above[touching - 1].end
                    guard otherStart < end - line.startIndex else { break }
                    if counts[other.run].isFree == isFree {
                        let (a, b) = (root(other.run), root(run))
                        if a != b { parents[b] = a }
                    }
                    if other.end > end - line.startIndex { break }
                    touching += 1
                }
                start = end
            }
            above = runs
        }
        var sums: [Int: Int] = [:]
        for run in parents.indices { sums[root(run), default: 0] += counts[run].area }
        areas = sums.map { ($0.value, counts[$0.key].isFree) }
    }
}
