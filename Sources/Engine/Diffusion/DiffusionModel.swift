import Foundation
import TensorCore

/// All networks of a model folder, as diffusers publishes it, plus `clip/`.
///
///     unet/ vae/ text_encoder/ tokenizer/ scheduler/     config.json and .safetensors in each
///     clip/                                              a CLIPModel as transformers publishes it; may be missing
public struct DiffusionModel: Sendable {
    /// The CLIP model that guides, with its own tokenizer.
    public struct Guide: Sendable {
        /// The network.
        public let clip: CLIP
        /// Its tokenizer.
        public let tokenizer: Tokenizer

        /// E_T of a text, `(1, width)`, not normalised.
        public func embedding(of text: String) -> Tensor { clip.embedding(ofText: tokenizer.ids(text)) }
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
    public internal(set) var textEncoder: TextEncoder
    /// Its tokenizer.
    public let tokenizer: Tokenizer
    /// The noise schedule.
    public let schedule: NoiseSchedule
    /// The guide, where the folder has one.
    public internal(set) var guide: Guide?

    /// Longer side of a picture at working size, pixels.
    public var nativeSize: Int { unet.sampleSize * vae.downFactor }

    /// Reads a model folder; weights stay memory-mapped where they are f32.
    ///
    /// - Throws: an error naming the file and key at fault.
    public init(folder: String) throws(ModelError) {
        guard FileManager.default.fileExists(atPath: folder) else {
            throw ModelError(
                code: "model.missing", message: "\(folder) is not there",
                hint: "Give a model's folder or name; `clipdragd models list` shows those that are found.")
        }
        self.folder = folder
        let unetWeights = try Self.weights(folder + "/unet", "diffusion_pytorch_model")
        unet = try UNet(try ConfigFile(path: folder + "/unet/config.json"), unetWeights)
        try unetWeights.finish()
        let vaeWeights = try Self.weights(folder + "/vae", "diffusion_pytorch_model")
        vae = try VAE(try ConfigFile(path: folder + "/vae/config.json"), vaeWeights)
        try vaeWeights.finish()
        let textWeights = try Self.weights(folder + "/text_encoder", "model")
        textEncoder = try TextEncoder(textWeights, try ConfigFile(path: folder + "/text_encoder/config.json"))
        try textWeights.finish()
        tokenizer = try Tokenizer(folder: folder + "/tokenizer")
        schedule = try NoiseSchedule(try ConfigFile(path: folder + "/scheduler/scheduler_config.json"))
        guide =
            FileManager.default.fileExists(atPath: folder + "/clip") ? try Self.guide(folder + "/clip") : nil
    }

    private static func guide(_ folder: String) throws(ModelError) -> Guide {
        let weights = try weights(folder, "model")
        var mean: [Double] = [0.48145466, 0.4578275, 0.40821073]
        var deviation: [Double] = [0.26862954, 0.26130258, 0.27577711]
        let preprocessor = folder + "/preprocessor_config.json"
        if FileManager.default.fileExists(atPath: preprocessor) {
            let config = try ConfigFile(path: preprocessor)
            mean = try config.value("image_mean", default: mean)
            deviation = try config.value("image_std", default: deviation)
        }
        let clip = try CLIP(
            try ConfigFile(path: folder + "/config.json"), weights, mean: mean.map { Float($0) },
            deviation: deviation.map { Float($0) })
        try weights.finish()
        return Guide(clip: clip, tokenizer: try Tokenizer(folder: folder))
    }

    /// The weights file of one network's folder.
    private static func weights(_ folder: String, _ stem: String) throws(ModelError) -> Weights {
        for name in ["\(stem).safetensors", "\(stem).fp16.safetensors"] {
            let path = "\(folder)/\(name)"
            guard FileManager.default.fileExists(atPath: path) else { continue }
            do { return Weights(try SafeTensors(path: path)) } catch {
                throw ModelError(
                    code: "model.file", message: error.message, hint: "Copy or download the file again.")
            }
        }
        let pickles = ["\(stem).bin", "\(stem).ckpt", "pytorch_model.bin"].filter {
            FileManager.default.fileExists(atPath: "\(folder)/\($0)")
        }
        if let pickle = pickles.first {
            throw ModelError(
                code: "model.unsupported",
                message: "\(folder)/\(pickle) is a pickle file, which can run any code",
                hint:
                    "Download the model's .safetensors files, or convert it with diffusers' `safe_serialization`."
            )
        }
        throw ModelError(
            code: "model.missing", message: "\(folder)/\(stem).safetensors is not there",
            hint:
                "A model is a folder as diffusers publishes it: unet/, vae/, text_encoder/, tokenizer/, scheduler/."
        )
    }

    /// The prompt's states for the U-Net, `(1, tokens, width)`.
    public func textStates(_ prompt: String) -> Tensor { textEncoder.states(tokenizer.ids(prompt)) }

    /// Section 2's z_0 of a picture `(1, H, W, 3)` in [0, 1]: scaling · posterior mean.
    public func encode(_ image: Tensor) -> Tensor { vae.scalingFactor * posterior(image).mean }

    /// The posterior of a picture `(1, H, W, 3)` in [0, 1], not yet scaled.
    public func posterior(_ image: Tensor) -> (mean: Tensor, deviation: Tensor) {
        vae.encode(
            apply(
                ChannelAffine(scale: Tensor([3], repeating: 2), shift: Tensor([3], repeating: -1)),
                Variable(image)
            ).value)
    }

    /// The picture in [0, 1] of a scaled latent: clamp(decode(z/scaling)/2 + 0.5, 0, 1).
    public func decode(_ latent: Variable) -> Variable {
        let channels = vae.latentChannels
        let unscaled = apply(
            ChannelAffine(scale: Tensor([channels], repeating: 1 / vae.scalingFactor)), latent)
        let half = ChannelAffine(scale: Tensor([3], repeating: 0.5), shift: Tensor([3], repeating: 0.5))
        return apply(Clamp(0, 1), apply(half, vae.decode(unscaled)))
    }
}
