import Diffusion
import TensorCore

/// A picture's latent noised step by step with known noise, and the way back (SDE-Drag's cycle; RegionDrag's too).
///
///     x_t = √(ᾱ_t/ᾱ_s) · x_s + √(1 − ᾱ_t/ᾱ_s) · noise
///
/// The reverse SDE from x_t with the noise that this path implies gives x_s again. An edited latent goes back with the same
/// noise, so only what differs from the path moves it:
///
///     y_s = x_s + √ᾱ_s · (x0(y_t) − x0(x_t)) + √(1 − ᾱ_s − σ²) · (ε(y_t) − ε(x_t))
///     σ² = (1 − ᾱ_s)/(1 − ᾱ_t) · (1 − ᾱ_t/ᾱ_s)
///
/// Source: Nie et al., "The Blessing of Randomness", ICLR 2024, with the implied noise put in.
struct StochasticPath {
    /// x_0 … x_n, `(1, h, w, 4)` each.
    let latents: [Tensor]
    /// The timestep of x_1 … x_n.
    let timesteps: [Timestep]
    private let schedule: NoiseSchedule
    private let stride: Int

    /// Noises a clean latent.
    ///
    /// - Parameter draw: a step's noise, by its index from 0.
    init(
        from clean: Tensor, timesteps: [Timestep], stride: Int, _ schedule: NoiseSchedule,
        draw: (Int) -> Tensor
    ) {
        self.timesteps = timesteps
        self.stride = stride
        self.schedule = schedule
        var latents = [clean]
        for (i, t) in timesteps.enumerated() {
            let kept = schedule.alphaBar(t) / schedule.alphaBar(t - stride)
            latents.append(.combination(kept.squareRoot(), latents[i], (1 - kept).squareRoot(), draw(i)))
        }
        self.latents = latents
    }

    /// An edited latent's way from x_{i+1} back to x_i.
    ///
    /// - Parameters:
    ///   - edit: at the timestep of step `i`.
    ///   - outputs: what the network gives for the path's own latent and for `edit`.
    func back(_ i: Int, edit: Tensor, outputs: (path: Tensor, edit: Tensor)) -> Tensor {
        let (now, next) = (schedule.alphaBar(timesteps[i]), schedule.alphaBar(timesteps[i] - stride))
        let path = schedule.split(outputs.path, sample: latents[i + 1], alphaBar: now)
        let edited = schedule.split(outputs.edit, sample: edit, alphaBar: now)
        let variance = (1 - next) / (1 - now) * (1 - now / next)
        let change = Tensor.combination(
            next.squareRoot(), edited.x0 - path.x0, max(0, 1 - next - variance).squareRoot(),
            edited.epsilon - path.epsilon)
        return latents[i] + change
    }

    /// x0 as the network predicts it for an edited latent at the timestep of step `i`.
    func prediction(_ i: Int, edit: Tensor, output: Tensor) -> Tensor {
        schedule.split(output, sample: edit, alphaBar: schedule.alphaBar(timesteps[i])).x0
    }
}

extension Tensor {
    /// This latent where a mask is true, another one elsewhere.
    func kept(where mask: EditMask?, else other: Tensor) -> Tensor {
        guard let mask else { return self }
        let channels = shape[3]
        return Tensor(shape) { out in
            withUnsafeValues { mine in
                other.withUnsafeValues { theirs in
                    for i in out.indices { out[i] = mask.values[i / channels] ? mine[i] : theirs[i] }
                }
            }
        }
    }
}
