import Diffusion
import DragEditing
import Foundation
import Settings
import TensorCore
import Testing
import TestSupport

/// Recorded randomness in place of a generator.
private struct RecordedDraws: FineTuningDraws {
    let file: SafeTensors

    func down(_ site: LoRASite, rank: Int) -> Tensor {
        file.tensor("init.\(site.name).down") ?? .zeros([rank, site.inputs])
    }

    func batch(_ step: Int, shape: [Int]) -> (posterior: Tensor, timesteps: [Timestep], noise: Tensor) {
        let prefix = "step.\(String(repeating: "0", count: 3 - String(step).count))\(step)"
        func image(_ name: String) -> Tensor {
            file.tensor("\(prefix).\(name)")?.channelsLast ?? .zeros(shape)
        }
        let timesteps = file.tensor("\(prefix).timesteps")?.values.map { Int($0) } ?? []
        return (image("posterior"), timesteps, image("noise"))
    }
}

/// Five training steps against the oracle (fixtures README, "LoRA training").
@Suite struct FineTuningParityTests {
    @Test(arguments: Fixtures.families, [FineTuning.cellsAtOnce, 1])
    func `fine-tuning takes the oracle's steps, however many samples at once`(
        _ family: String, cellsAtOnce: Int
    ) throws {
        let model = try DiffusionModel(folder: Fixtures.path("\(family)/model"))
        let file = try Fixtures.tensors("\(family)/lora_training.safetensors")
        let json = try #require(try Fixtures.json("\(family)/lora_training.json") as? [String: Any])
        let values = try #require(json["settings"] as? [String: Any])
        var settings = LoRASettings()
        settings.steps = try #require(values["steps"] as? Int)
        settings.rank = try #require(values["rank"] as? Int)
        settings.batch = try #require(values["batch"] as? Int)
        settings.learningRate = try #require(values["lr"] as? Double)
        let picture = try workingPicture("\(family)/lora_training.png", model)
        var draws = RecordedDraws(file: file)
        let result = FineTuning(model, settings, cellsAtOnce: cellsAtOnce).train(
            posterior: model.posterior(picture),
            text: model.textStates(try #require(json["prompt"] as? String)),
            draws: &draws, report: { _ in })

        let losses = try #require(json["losses"] as? [Double])
        #expect(result.losses.count == losses.count)
        for (found, expected) in zip(result.losses, losses) {
            #expect(abs(found - expected) <= 1e-5 * expected)
        }
        let sites = try #require(json["sites"] as? [String])
        func together(_ name: (String) -> String, _ tensor: (String) -> Tensor?) throws -> Double {
            var (difference, norm) = (0.0, 0.0)
            for site in sites {
                let expected = try file.required(name(site))
                difference += pow((try #require(tensor(site)) - expected).norm, 2)
                norm += pow(expected.norm, 2)
            }
            return (difference / norm).squareRoot()
        }
        #expect(try together({ "step.000.grad.\($0).up" }, { result.firstUpGradients[$0] }) < 1e-4)
        #expect(try together({ "after.\($0).down" }, { result.lora.sites[$0]?.down }) < 1e-4)
        #expect(try together({ "after.\($0).up" }, { result.lora.sites[$0]?.up }) < 3e-3)
    }

    @Test func `the same seed trains the same LoRA, another seed another`() throws {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        let picture = try workingPicture("starter/lora_training.png", model)
        var settings = LoRASettings()
        (settings.steps, settings.rank) = (2, 4)
        func train(_ seed: UInt64) throws -> [UInt8] {
            var draws = RandomDraws(seed: seed, trainingSteps: 1000)
            return FineTuning(model, settings).train(
                posterior: model.posterior(picture), text: model.textStates("a cat"), draws: &draws,
                report: { _ in }
            ).lora.encoded()
        }
        #expect(try train(1) == train(1))
        #expect(try train(1) != train(2))
    }

    @Test func `draws are standard normal`() {
        var generator = SeededGenerator(seed: 3)
        let values = generator.normal([100_000]).values.map(Double.init)
        let mean = values.reduce(0, +) / 100_000
        let variance = values.reduce(0) { $0 + $1 * $1 } / 100_000 - mean * mean
        let fourth = values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / 100_000
        #expect(abs(mean) < 0.015)
        #expect(abs(variance - 1) < 0.02)
        #expect(abs(fourth - 3) < 0.15)
    }
}
