import Failures
import Foundation

/// The places of a model folder's networks: each in its own folder, or all in one checkpoint file at the top, beside the
/// networks' configurations. Weights in a network's own folder take precedence.
struct ModelLayout {
    private let folder: String
    private let single: SingleFile?

    init(folder: String) throws(Failure) {
        self.folder = folder
        guard FileManager.default.fileExists(atPath: folder) else {
            throw Failure(
                .badModel, code: "model.missing", message: "\(folder) is not there",
                hint: "Give a model's folder or name; `clipdragd models list` shows those that are found.")
        }
        try ForeignModel.refuse(folder: folder)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let checkpoints = names.filter { $0.hasSuffix(".safetensors") }.sorted()
        if try TensorFiles(folder: folder + "/unet", stem: Self.stem) != nil || checkpoints.isEmpty {
            single = nil
            return
        }
        guard checkpoints.count == 1 else {
            throw Failure(
                .badModel, code: "model.config",
                message:
                    "\(folder) has several checkpoints: \(checkpoints.prefix(8).joined(separator: ", "))\(checkpoints.count > 8 ? " and \(checkpoints.count - 8) more" : "")",
                hint: "Leave the one to be used; make a model of each with `clipdragd models import FILE`.")
        }
        single = try SingleFile(path: "\(folder)/\(checkpoints[0])")
    }

    private static let stem = "diffusion_pytorch_model"

    func unet() throws(Failure) -> (network: UNet, weights: Weights) {
        let config = try ConfigFile(path: folder + "/unet/config.json")
        let weights = try weights("unet", Self.stem) { file throws(Failure) in try file.unetWeights(config)
        }
        let unet = try UNet(config, weights)
        try weights.finish()
        return (unet, weights)
    }

    /// - Parameter other: the folder or file of another VAE.
    func vae(_ other: String?) throws(Failure) -> (network: VAE, weights: Weights) {
        if let other {
            // The folder of a VAE has its own configuration.
            let path = folder + "/vae/config.json"
            let config =
                FileManager.default.fileExists(atPath: path)
                ? try ConfigFile(path: path) : ConfigFile(path: other, object: [:])
            let (vae, weights) = try VAE.alone(path: other, like: config)
            return (vae, weights)
        }
        let config = try ConfigFile(path: folder + "/vae/config.json")
        let weights = try weights("vae", Self.stem) { file throws(Failure) in try file.vaeWeights(config) }
        let vae = try VAE(config, weights)
        try weights.finish()
        return (vae, weights)
    }

    func textEncoder() throws(Failure) -> (network: TextEncoder, weights: Weights) {
        let config = try ConfigFile(path: folder + "/text_encoder/config.json")
        let weights = try weights("text_encoder", "model") { file throws(Failure) in
            try file.textWeights(config)
        }
        let encoder = try TextEncoder(weights, config)
        try weights.finish()
        return (encoder, weights)
    }

    private func weights(
        _ network: String, _ stem: String, of file: (SingleFile) throws(Failure) -> Weights
    ) throws(Failure) -> Weights {
        if let files = try TensorFiles(folder: "\(folder)/\(network)", stem: stem) { return Weights(files) }
        if let single { return try file(single) }
        return Weights(try Self.files("\(folder)/\(network)", stem))
    }

    func weightsFiles(withVAE: Bool) throws(Failure) -> [String] {
        var paths: Set<String> = []
        for (network, stem) in [("unet", Self.stem), ("vae", Self.stem), ("text_encoder", "model")]
        where withVAE || network != "vae" {
            let own = try TensorFiles(folder: "\(folder)/\(network)", stem: stem)
            if own == nil, let single {
                paths.insert(single.path)
            } else {
                paths.formUnion(try Self.files("\(folder)/\(network)", stem).paths)
            }
        }
        return paths.sorted()
    }

    /// The weights of one network's folder.
    static func files(_ folder: String, _ stem: String) throws(Failure) -> TensorFiles {
        if let files = try TensorFiles(folder: folder, stem: stem) { return files }
        for name in ["\(stem).bin", "\(stem).ckpt", "pytorch_model.bin"]
        where FileManager.default.fileExists(atPath: "\(folder)/\(name)") {
            try ForeignModel.refuse(pickle: "\(folder)/\(name)")
        }
        throw Failure(
            .badModel, code: "model.missing", message: "\(folder)/\(stem).safetensors is not there",
            hint:
                "A model is a folder as diffusers publishes it: unet/, vae/, text_encoder/, tokenizer/, scheduler/."
        )
    }
}

extension DiffusionModel {
    /// The weights files, and their indices, that a model folder's networks are read from; not those of `clip/`.
    ///
    /// - Parameter withVAE: false where another VAE replaces the folder's own.
    public static func weightsFiles(folder: String, withVAE: Bool) throws(Failure) -> [String] {
        try ModelLayout(folder: folder).weightsFiles(withVAE: withVAE)
    }

    /// The weights files, and their index, of one network's folder, `clip/` for example.
    ///
    /// - Parameter stem: `model` for those of transformers, `diffusion_pytorch_model` for those of diffusers.
    public static func weightsFiles(network folder: String, stem: String) throws(Failure) -> [String] {
        try ModelLayout.files(folder, stem).paths
    }
}
