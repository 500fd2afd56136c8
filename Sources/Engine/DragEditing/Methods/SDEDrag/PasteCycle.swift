import Diffusion
import Foundation
import Settings
import TensorCore

/// One round of SDE-Drag: noise, copy and paste, and the reverse SDE.
struct PasteCycle {
    private let task: DragTask
    private let settings: EditSettings
    private let model: DiffusionModel
    private let timesteps: [Timestep]
    /// States of "" and of the wished result's prompt; of the prompt alone without guidance.
    private let texts: [Tensor]

    init(_ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel) throws {
        self.task = task
        self.settings = settings
        self.model = model
        timesteps = try Inversion(model, settings).timesteps
        let prompt = model.textStates(task.prompts.edit)
        texts = settings.guidance == 1 ? [prompt] : [model.textStates(""), prompt]
    }

    /// The next clean latent.
    ///
    /// - Parameter number: of the round, from 0: it names the round's draws.
    func run(_ clean: Tensor, _ pastes: [Paste], number: Int, _ run: MethodRun) -> Tensor {
        let path = StochasticPath(
            from: clean, timesteps: timesteps, stride: model.schedule.stride(stepCount: settings.stepCount),
            model.schedule
        ) { run.draw("\(number).path.\($0)", clean.shape) }
        var latent = path.latents[timesteps.count]
        for (i, paste) in pastes.enumerated() {
            latent = pasted(latent, paste, run.draw("\(number).source.\(i)", clean.shape))
        }
        run.trace("sdedrag.\(number).pasted", latent)
        for i in timesteps.indices.reversed() {
            let outputs = outputs(i, path.latents[i + 1], latent)
            latent = path.back(i, edit: latent, outputs: outputs)
                .kept(where: task.mask, else: path.latents[i])
        }
        run.trace("sdedrag.\(number).latent", latent)
        return latent
    }

    /// The square goes to its target, made stronger; its old place keeps a part of it, and noise takes the rest.
    private func pasted(_ latent: Tensor, _ paste: Paste, _ noise: Tensor) -> Tensor {
        let (width, channels) = (latent.shape[2], latent.shape[3])
        let (source, drawn) = (latent.values, noise.values)
        let (kept, gain) = (Float(settings.sourceKept), Float(settings.pasteGain))
        let share = max(0, 1 - kept * kept).squareRoot()
        var values = source
        func each(_ place: GridCell, _ body: (Int, Int) -> Void) {
            for row in paste.rows {
                for column in paste.columns {
                    let at = ((place.row + row) * width + place.column + column) * channels
                    let from = ((paste.source.row + row) * width + paste.source.column + column) * channels
                    for c in 0..<channels { body(at + c, from + c) }
                }
            }
        }
        each(paste.source) { at, from in values[at] = kept * source[from] + share * drawn[at] }
        each(paste.target) { at, from in values[at] = gain * source[from] }
        return Tensor(latent.shape, values)
    }

    /// What the network gives for the path's latent and for the edit, with guidance: ε(∅) + g · (ε(P) − ε(∅)).
    private func outputs(_ i: Int, _ stored: Tensor, _ edit: Tensor) -> (path: Tensor, edit: Tensor) {
        let part = Double(i + 1) / Double(max(timesteps.count - 1, 1))
        let unet = network(part)
        guard texts.count == 2 else {
            let output = unet(Variable(.stacked([stored, edit])), timesteps: [timesteps[i]], text: texts[0])
                .noise.value
            return (output.sample(0), output.sample(1))
        }
        let output = unet(
            Variable(.stacked([stored, stored, edit, edit])), timesteps: [timesteps[i]],
            text: .stacked([texts[0], texts[1], texts[0], texts[1]])
        ).noise.value
        let guidance = Float(1 + (settings.guidance - 1) * part)
        func guided(_ plain: Int) -> Tensor {
            .combination(1 - guidance, output.sample(plain), guidance, output.sample(plain + 1))
        }
        return (guided(0), guided(2))
    }

    /// The network with less of the LoRA, the more noise there is: from 1 down to `sdedrag.lora_scale`, along a cosine.
    private func network(_ part: Double) -> UNet {
        guard let lora = task.lora, settings.leastLoRAScale != 1 else { return model.unet }
        let share = (1 - cos(part * .pi)) / 2
        let scale = (1 - share) + share * settings.leastLoRAScale
        return model.unet.merging(lora.scaled(by: Float(scale - 1)))
    }
}
