import Diffusion
import Failures
import Settings
import TensorCore

/// DDIM inversion (docs/algorithm.md section 2, eq. 2): the noise that denoises to a given picture.
public struct Inversion {
    /// Timesteps that are inverted, ascending.
    public let timesteps: [Timestep]
    private let model: DiffusionModel
    private let stride: Int

    /// - Throws: `edit.settings` when strength and step count leave no step, more than there are, or a timestep
    ///   that the model has not learnt.
    public init(_ model: DiffusionModel, _ settings: EditSettings) throws(Failure) {
        let count = settings.invertedStepCount
        guard (1...settings.stepCount).contains(count) else {
            throw Failure(
                .badJob, code: "edit.settings",
                message:
                    "inversion_strength \(settings.inversionStrength) of \(settings.stepCount) steps leaves \(count)",
                hint: "Choose values whose product is between 1 and num_steps.")
        }
        self.model = model
        timesteps = Array(model.schedule.timesteps(stepCount: settings.stepCount).reversed().prefix(count))
        stride = model.schedule.stride(stepCount: settings.stepCount)
        guard editedTimestep < model.schedule.trainingSteps else {
            throw Failure(
                .badJob, code: "edit.settings",
                message:
                    "inversion_strength \(settings.inversionStrength) of \(settings.stepCount) steps ends at timestep \(editedTimestep); the model's last is \(model.schedule.trainingSteps - 1)",
                hint: "Lower num_steps or inversion_strength.")
        }
    }

    /// The timestep at which the latent is edited.
    public var editedTimestep: Timestep { timesteps[timesteps.count - 1] }

    /// z_0 … z_t from the scaled latent of a picture, `(1, h, w, 4)` each. No guidance.
    public func path(from latent: Tensor, text: Tensor, report: (Int) throws -> Void) rethrows -> [Tensor] {
        var path = [latent]
        for (i, t) in timesteps.enumerated() {
            let z = path[i]
            let output = model.unet(Variable(z), timesteps: [t], text: text).noise.value
            // v-prediction separates x0 and ε with the ᾱ of the sample at hand, as ε-prediction does anyway
            path.append(
                model.schedule.step(
                    output, sample: z, from: model.schedule.alphaBar(t - stride),
                    to: model.schedule.alphaBar(t)))
            try report(i + 1)
        }
        return path
    }
}

extension EditSettings {
    /// How many steps of the schedule are inverted and sampled: `inversion_strength` · `num_steps`, halves to even.
    public var invertedStepCount: Int {
        Int((inversionStrength * Double(stepCount)).rounded(.toNearestOrEven))
    }
}
