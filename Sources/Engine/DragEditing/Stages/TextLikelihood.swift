import Diffusion
import TensorCore

/// Whether the model itself knows what a text says, measured on a picture that it drew by the text: how much better it predicts
/// the picture's noise with the text than without. The idea is that of diffusion classifiers (Li et al., 2023).
struct TextLikelihood {
    /// Parts of the training steps, in thousandths: fine detail, detail, and shapes.
    private static let timesteps = [60, 160, 320]
    /// Noises of which the mean counts.
    static let copies = 3
    /// Passes of the U-Net that one measurement takes.
    static let passes = 2 * timesteps.count * copies

    /// Without the picture's LoRA, which knows P_o.
    let model: DiffusionModel

    /// The part of the loss mean (ε − ε_θ(√ᾱ_t z + √(1−ᾱ_t) ε, t, P))² that a text takes away, at most 1; the mean over the timesteps.
    ///
    /// - Parameters:
    ///   - text: states, `(1, tokens, width)`, as the empty prompt's.
    ///   - latent: the picture, `(1, h, w, 4)`.
    ///   - noises: of the latent's shape.
    func gain(of text: Tensor, over empty: Tensor, in latent: Tensor, noises: [Tensor]) -> Double {
        let gains = Self.timesteps.map { thousandths in
            let t = thousandths * model.schedule.trainingSteps / 1000
            let found = noises.map { losses(of: [text, empty], in: latent, noise: $0, t) }
            let sums = (0..<2).map { i in found.reduce(0) { $0 + $1[i] } }
            return 1 - sums[0] / max(sums[1], .leastNormalMagnitude)
        }
        return gains.reduce(0, +) / Double(gains.count)
    }

    private func losses(of texts: [Tensor], in latent: Tensor, noise: Tensor, _ t: Timestep) -> [Double] {
        let alphaBar = model.schedule.alphaBar(t)
        let noised = Tensor.combination(alphaBar.squareRoot(), latent, (1 - alphaBar).squareRoot(), noise)
        let found = model.unet(
            Variable(.stacked(texts.map { _ in noised })), timesteps: [t], text: .stacked(texts)
        ).noise.value
        return texts.indices.map { i in
            let predicted = model.schedule.split(found.sample(i), sample: noised, alphaBar: alphaBar).epsilon
            return zip(predicted.values, noise.values).reduce(0) {
                $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1)
            }
        }
    }
}
