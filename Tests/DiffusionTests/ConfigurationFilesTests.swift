import Failures
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import Diffusion

/// Schedulers and configurations in the files of diffusers.
@Suite struct ConfigurationFilesTests {
    private struct Schedules: Decodable {
        struct Row: Decodable {
            let name, config, prediction: String
            let alphaBars: [Double]
            let final: Double

            enum CodingKeys: String, CodingKey {
                case name, config, prediction, final
                case alphaBars = "alpha_bar"
            }
        }
        let places: [Int]
        let schedules: [Row]
    }

    @Test func `every scheduler that samples these models gives diffusers' betas`() throws {
        let file: Schedules = try ModelFiles.decode("schedules.json")
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/scheduler_config.json"
        #expect(file.schedules.count >= 48)
        #expect(file.schedules.contains { $0.config.contains("-Infinity") })
        for row in file.schedules {
            try Data(row.config.utf8).write(to: URL(filePath: path))
            let schedule = try NoiseSchedule(try ConfigFile(path: path))
            for (place, expected) in zip(file.places, row.alphaBars) {
                let found = Double(schedule.alphaBars[place])
                #expect(abs(found - expected) <= 2e-6 * max(expected, 1e-3), "\(row.name): ᾱ_\(place)")
            }
            #expect(abs(Double(schedule.alphaBar(-1)) - row.final) <= 1e-6, "\(row.name)")
            #expect(schedule.prediction.rawValue == row.prediction, "\(row.name)")
        }
    }

    @Test func `schedulers of other families, and settings that change the network's output, are refused`()
        throws
    {
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/scheduler_config.json"
        for (key, value, word) in [
            ("_class_name", "FlowMatchEulerDiscreteScheduler", "FlowMatchEulerDiscreteScheduler"),
            ("_class_name", "EDMEulerScheduler", "EDMEulerScheduler"),
            ("_class_name", "IPNDMScheduler", "IPNDMScheduler"), ("use_flow_sigmas", true, "flow"),
            ("thresholding", true, "`thresholding`"), ("trained_betas", [0.1], "`trained_betas`"),
            ("snr_shift_scale", 3.0, "`snr_shift_scale`"), ("timestep_type", "continuous", "`timestep_type`"),
            ("something_new", 3, "`something_new`"), ("prediction_type", "sample", "`sample`"),
        ] as [(String, Any, String)] {
            var config: [String: Any] = ["_class_name": "EulerDiscreteScheduler"]
            config[key] = value
            try JSONSerialization.data(withJSONObject: config).write(to: URL(filePath: path))
            let error = #expect(throws: Failure.self) { try NoiseSchedule(try ConfigFile(path: path)) }
            #expect(
                error?.code == "model.unsupported" && error?.message.contains(word) == true,
                "\(key): \(error?.message ?? "")")
        }
    }

    @Test func `noise predicted under zero terminal SNR stays finite at the last timestep`() throws {
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/scheduler_config.json"
        try Data(#"{"rescale_betas_zero_snr": true, "prediction_type": "epsilon"}"#.utf8).write(
            to: URL(filePath: path))
        let schedule = try NoiseSchedule(try ConfigFile(path: path))
        #expect(schedule.factors(schedule.alphaBar(999)).x0z.isFinite && schedule.endsInNoise)
    }

    @Test func `keys that change a network are refused by name, on every network`() throws {
        for (network, key, value) in [
            ("unet", "downsample_padding", 0), ("unet", "center_input_sample", true),
            ("unet", "mid_block_scale_factor", 1.5), ("unet", "time_embedding_act_fn", "silu"),
            ("unet", "timestep_post_act", "silu"), ("unet", "conv_in_kernel", 5),
            ("unet", "conv_out_kernel", 1),
            ("unet", "resnet_out_scale_factor", 2.0), ("unet", "time_embedding_dim", 64),
            ("unet", "attention_type", "gated"), ("unet", "mid_block_type", NSNull()),
            ("unet", "norm_num_groups", NSNull()), ("unet", "something_new", 1),
            ("unet", "_class_name", "UNetMotionModel"),
            ("vae", "act_fn", "mish"), ("vae", "up_block_types", ["A", "B", "C"]),
            ("vae", "latents_std", [1, 1, 1, 1]),
            ("vae", "something_new", true), ("vae", "_class_name", "AutoencoderTiny"),
            ("text_encoder", "something_new", "x"), ("text_encoder", "quantization_config", ["bits": 8]),
            ("text_encoder", "model_type", "t5"), ("clip", "something_new", 2),
        ] as [(String, String, Any)] {
            let scratch = try ScratchFolder(copying: "starter/model")
            let url = URL(filePath: "\(scratch.path)/\(network)/config.json")
            var config = try #require(
                try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
            config[key] = value
            try JSONSerialization.data(withJSONObject: config).write(to: url)
            let error = #expect(throws: Failure.self) { try DiffusionModel(folder: scratch.path) }
            #expect(error?.code == "model.unsupported", "\(network) \(key): \(error?.message ?? "")")
            #expect(error?.message.contains("\(network)/config.json") == true, "\(error?.message ?? "")")
            #expect(error?.message.contains("`\(key)`") == true, "\(error?.message ?? "")")
        }
    }

    @Test
    func
        `NaN and infinities in a configuration are ignored where they change nothing, and refused elsewhere`()
        throws
    {
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/scheduler_config.json"
        func schedule(_ text: String) throws -> NoiseSchedule {
            try Data(text.utf8).write(to: URL(filePath: path))
            return try NoiseSchedule(try ConfigFile(path: path))
        }
        let text =
            #"{"lambda_min_clipped": -Infinity, "sigma_max":NaN, "tau_func": "Infinity \" NaN", "beta_end": 0.012}"#
        #expect(throws: Never.self) { try schedule(text) }
        #expect(try schedule("\u{feff}{}").alphaBars.count == 1000)
        let error = #expect(throws: Failure.self) { try schedule(#"{"beta_end": Infinity}"#) }
        #expect(error?.message.contains("`beta_end` is Infinity") == true, "\(error?.message ?? "")")
    }
}
