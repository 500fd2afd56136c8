import Diffusion
import DragEditing
import Foundation
import TensorCore

/// MD: how far from a drag's target the source's content at its handle is found in the result (docs/algorithm.md section 6).
///
/// Features are those of the loaded model's own U-Net, without any LoRA: t = 261, the second block behind the middle, the mean of
/// eight noised copies, prompt P_o, at the picture's working size. Published figures use Stable Diffusion 2.1: they are not
/// comparable with those of another model.
struct PointMatching {
    /// What figures are taken with, for people.
    static func label(_ model: DiffusionModel) -> String {
        "MD by features of the U-Net of `\(model.name)` (t = \(timestep), block \(block(model)) of [mid, up0, …], mean of \(copies) noised copies)"
    }

    private static let timestep: Timestep = 261
    private static let copies = 8

    private static func block(_ model: DiffusionModel) -> Int { min(2, model.unet.blockFeatureCount - 1) }

    private let model: DiffusionModel
    private let text: Tensor
    private let grid: FeatureGrid
    private let working: Size
    private let source: FeatureMap

    /// Matching from a source, `(1, H, W, 3)` in [0, 1].
    init(_ model: DiffusionModel, source: Tensor, prompt: String) {
        self.model = model
        let size = Size(height: source.shape[1], width: source.shape[2])
        text = model.textStates(prompt)
        working = WorkingSize.of(size, native: model.nativeSize, multiple: model.vae.downFactor)
        grid = FeatureGrid(working: working, image: size)
        self.source = Self.features(model, source, working, text, grid)
    }

    /// The mean distance over drags, in pixels of the picture: over the whole picture, and where a mask is true.
    func distances(in result: Tensor, _ drags: [Drag], mask: EditMask?) -> (whole: Double?, masked: Double?) {
        guard !drags.isEmpty else { return (nil, nil) }
        let edited = Self.features(model, result, working, text, grid)
        let inside = mask.map { $0.resized(to: grid.size) }
        let pairs = drags.map { drag -> (Double, Double?) in
            let wanted = source.feature(at: grid.cell(of: drag.handle))
            let (all, masked) = nearest(wanted, edited, inside)
            return (
                grid.point(of: all).distance(to: drag.target),
                masked.map { grid.point(of: $0).distance(to: drag.target) }
            )
        }
        let masked = pairs.compactMap(\.1)
        return (
            pairs.reduce(0) { $0 + $1.0 } / Double(pairs.count),
            masked.count == pairs.count ? masked.reduce(0, +) / Double(pairs.count) : nil
        )
    }

    /// The cell with the best cosine, anywhere and inside.
    private func nearest(_ wanted: [Float], _ map: FeatureMap, _ inside: EditMask?) -> (GridCell, GridCell?) {
        var (best, bestInside) = (-Float.infinity, -Float.infinity)
        var (cell, cellInside) = (GridCell(row: 0, column: 0), GridCell?.none)
        for row in 0..<map.size.height {
            for column in 0..<map.size.width {
                let here = GridCell(row: row, column: column)
                let feature = map.feature(at: here)
                var (product, square): (Float, Float) = (0, 0)
                for i in feature.indices {
                    product += feature[i] * wanted[i]
                    square += feature[i] * feature[i]
                }
                let score = product / max(square.squareRoot(), 1e-12)
                if score > best { (best, cell) = (score, here) }
                if inside?.values[row * map.size.width + column] == true, score > bestInside {
                    (bestInside, cellInside) = (score, here)
                }
            }
        }
        return (cell, cellInside)
    }

    private static func features(
        _ model: DiffusionModel, _ picture: Tensor, _ working: Size, _ text: Tensor, _ grid: FeatureGrid
    ) -> FeatureMap {
        let scaled = picture.resizedAntialiased(height: working.height, width: working.width)
            .mapped { min(max($0, 0), 1) }
        let latent = model.encode(scaled)
        let alphaBar = model.schedule.alphaBar(timestep)
        var generator = SeededGenerator(seed: 42)
        releaseIdleMemory()
        let maps = (0..<copies).map { _ in
            let noised = Tensor.combination(
                alphaBar.squareRoot(), latent, (1 - alphaBar).squareRoot(), generator.normal(latent.shape))
            return model.unet(Variable(noised), timesteps: [timestep], text: text).blockFeatures[block(model)]
                .value
        }
        // Only directions are compared, so the sum serves as well as the mean.
        return FeatureMap(maps.dropFirst().reduce(maps[0]) { $0 + $1 }, grid: grid.size)
    }
}
