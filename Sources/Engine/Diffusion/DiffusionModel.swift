import Failures
import Foundation
import TensorCore

/// All networks of a model folder, as diffusers publishes it, plus `clip/`.
///
///     unet/ vae/ text_encoder/ tokenizer/ scheduler/     config.json and .safetensors in each
///     clip/                                              a CLIPModel as transformers publishes it; optional
public struct DiffusionModel: Sendable {
    /// The CLIP model that guides, with its own tokenizer.
    public struct Guide: Sendable {
        /// The network.
        public let clip: CLIP
        /// Its tokenizer.
        public let tokenizer: Tokenizer

        /// E_T of a text, `(1, width)`, not normalised.
        public func embedding(of text: String) -> Tensor { embeddings(of: [text]) }

        /// E_T of several texts, `(texts, width)`, not normalised.
        public func embeddings(of texts: [String]) -> Tensor {
            clip.embeddings(ofTexts: texts.map(tokenizer.ids))
        }
    }

    /// The folder.
    public let folder: String
    /// The folder's last component.
    public var name: String { URL(filePath: folder).lastPathComponent }
    /// The denoising network.
    public var unet: UNet
    /// The autoencoder.
    public internal(set) var vae: VAE
    /// The text encoder of prompts.
    public var textEncoder: TextEncoder
    /// Its tokenizer.
    public let tokenizer: Tokenizer
    /// The noise schedule.
    public let schedule: NoiseSchedule
    /// The guide, where the folder has one.
    public internal(set) var guide: Guide?

    /// Longer side of a picture at working size, pixels.
    public var nativeSize: Int { unet.sampleSize * vae.downFactor }

    /// What the loader read of each network's file.
    let parts: [ModelPart]
    /// Remarks that are no errors, for people.
    public let notes: [String]

    /// Reads a model folder. The weights stay memory-mapped.
    ///
    /// - Parameters:
    ///   - vae: the folder or file of a VAE that replaces the folder's own.
    ///   - checksValues: whether to check the value of every weight, which reads the files whole.
    /// - Throws: an error naming the file and key at fault; `model.values` for a weight that is NaN or infinite.
    public init(folder: String, vae other: String? = nil, checksValues: Bool = false) throws(Failure) {
        let layout = try ModelLayout(folder: folder)
        self.folder = folder
        var read: [(name: String, weights: Weights)] = []
        let unet = try layout.unet()
        read.append(("U-Net", unet.weights))
        let vae = try layout.vae(other)
        read.append(("VAE", vae.weights))
        guard vae.network.latentChannels == unet.network.latentChannels else {
            throw Failure(
                .badModel, code: "model.shape",
                message:
                    "\(other ?? folder): the VAE's latents have \(vae.network.latentChannels) channels, the U-Net's \(unet.network.latentChannels)",
                hint: "Use a VAE of the same family of models.")
        }
        let text = try layout.textEncoder()
        read.append(("text encoder", text.weights))
        guard text.network.width == unet.network.textWidth else {
            throw Failure(
                .badModel, code: "model.shape",
                message:
                    "\(folder): the text encoder's states have \(text.network.width) values, the U-Net takes \(unet.network.textWidth)",
                hint: "Use a text encoder of the same family of models.")
        }
        tokenizer = try Tokenizer(folder: folder + "/tokenizer")
        try text.network.check(tokenizer, of: folder + "/tokenizer")
        schedule = try NoiseSchedule(try ConfigFile(path: folder + "/scheduler/scheduler_config.json"))
        if FileManager.default.fileExists(atPath: folder + "/clip") {
            let clip = try Self.guide(folder + "/clip")
            guide = clip.guide
            read.append(("CLIP", clip.weights))
        }
        (self.unet, self.vae, textEncoder) = (unet.network, vae.network, text.network)
        var notes: [String] = []
        if checksValues {
            for part in read { notes += try part.weights.checkValues() }
        }
        self.notes = notes
        parts = read.compactMap { $0.weights.part($0.name) }
    }

    private static func guide(_ folder: String) throws(Failure) -> (guide: Guide, weights: Weights) {
        let weights = Weights(try ModelLayout.files(folder, "model"))
        var mean: [Double] = [0.48145466, 0.4578275, 0.40821073]
        var deviation: [Double] = [0.26862954, 0.26130258, 0.27577711]
        if let config = try imageProcessor(folder) {
            mean = try config.value("image_mean", default: mean)
            deviation = try config.value("image_std", default: deviation)
        }
        let clip = try CLIP(
            try ConfigFile(path: folder + "/config.json"), weights, mean: mean.map { Float($0) },
            deviation: deviation.map { Float($0) })
        try weights.finish()
        let tokenizer = try Tokenizer(folder: folder)
        try clip.check(tokenizer, of: folder)
        return (Guide(clip: clip, tokenizer: tokenizer), weights)
    }

    /// The configuration of CLIP's image normalisation: a file of its own, or, as transformers 5 writes it, a part of the
    /// processor's file.
    private static func imageProcessor(_ folder: String) throws(Failure) -> ConfigFile? {
        for (name, section) in [
            ("preprocessor_config.json", nil), ("processor_config.json", "image_processor"),
        ] where FileManager.default.fileExists(atPath: "\(folder)/\(name)") {
            let config = try ConfigFile(path: "\(folder)/\(name)")
            return section.map { config.section($0) } ?? config
        }
        return nil
    }

    /// The same model with a LoRA file's changes in its U-Net and text encoder.
    public func merging(_ file: LoRAFile, scale: Float = 1) -> DiffusionModel {
        var merged = self
        merged.unet = unet.merging(file.unet.scaled(by: scale))
        merged.textEncoder = textEncoder.merging(file.text.scaled(by: scale))
        return merged
    }

    /// The prompt's states for the U-Net, `(1, tokens, width)`.
    public func textStates(_ prompt: String) -> Tensor { textEncoder.states(tokenizer.ids(prompt)) }

    /// The z_0 of a picture `(1, H, W, 3)` in [0, 1] (docs/algorithm.md section 2): scaling · posterior mean.
    public func encode(_ image: Tensor) -> Tensor { vae.scalingFactor * posterior(image).mean }

    /// The posterior of a picture `(1, H, W, 3)` in [0, 1], not yet scaled.
    public func posterior(_ image: Tensor) -> (mean: Tensor, deviation: Tensor) {
        releaseIdleMemory()
        return vae.encode(
            apply(
                ChannelAffine(scale: Tensor([3], repeating: 2), shift: Tensor([3], repeating: -1)),
                Variable(image)
            ).value)
    }

    /// The picture in [0, 1] of a scaled latent: clamp(decode(z/scaling)/2 + 0.5, 0, 1).
    ///
    /// The autoencoder's activations are as large as the picture, so the pass first releases the U-Net's weight pages.
    public func decode(_ latent: Variable) -> Variable {
        WeightPages.release()
        let channels = vae.latentChannels
        let unscaled = apply(
            ChannelAffine(scale: Tensor([channels], repeating: 1 / vae.scalingFactor)), latent)
        let half = ChannelAffine(scale: Tensor([3], repeating: 0.5), shift: Tensor([3], repeating: 0.5))
        return apply(Clamp(0, 1), apply(half, vae.decode(unscaled)))
    }
}
