import Diffusion
import Foundation
import TensorCore
import Testing
import TestSupport

/// Networks alone, against the oracle: rel 1e-4 (fixtures README).
@Suite struct ModuleParityTests {
    private static let tolerance = 1e-4

    private func load(_ family: String) throws -> (DiffusionModel, SafeTensors) {
        (
            try DiffusionModel(folder: Fixtures.path("\(family)/model")),
            try Fixtures.tensors("\(family)/modules.safetensors")
        )
    }

    @Test(arguments: Fixtures.families)
    func `the U-Net gives the oracle's noise, features and pull-backs`(_ family: String) throws {
        let (model, x) = try load(family)
        var pass = 0
        while x.entries["unet.\(pass).latent"] != nil {
            let prefix = "unet.\(pass)"
            let timestep = Int(try x.required("\(prefix).timestep").scalar)
            let text = try x.required("\(prefix).text")
            func run() throws -> (Variable, UNet.Output) {
                let latent = Variable(trainable: try x.image("\(prefix).latent"))
                return (latent, model.unet(latent, timesteps: [timestep], text: text))
            }
            let (latent, output) = try run()
            #expect(relativeError(output.noise.value, try x.image("\(prefix).out")) < Self.tolerance)
            let cotangent = try x.image("\(prefix).out.cotangent")
            let pulled = gradients(of: [(output.noise, cotangent)], withRespectTo: [latent])[0]
            #expect(
                relativeError(pulled, try x.image("\(prefix).out.vjp")) < Self.tolerance, "\(prefix).out.vjp")
            for (j, feature) in output.blockFeatures.enumerated() {
                #expect(
                    relativeError(feature.value, try x.image("\(prefix).feature.\(j)")) < Self.tolerance,
                    "\(prefix).feature.\(j)")
                guard x.entries["\(prefix).feature.\(j).vjp"] != nil else { continue }
                let (latent, output) = try run()
                let seed = (output.blockFeatures[j], try x.image("\(prefix).feature.\(j).cotangent"))
                let pulled = gradients(of: [seed], withRespectTo: [latent])[0]
                #expect(
                    relativeError(pulled, try x.image("\(prefix).feature.\(j).vjp")) < Self.tolerance,
                    "\(prefix).feature.\(j).vjp")
            }
            pass += 1
        }
        #expect(pass >= 2)
    }

    @Test(arguments: Fixtures.families)
    func `two cotangents pulled back together equal each alone`(_ family: String) throws {
        let (model, x) = try load(family)
        let text = try x.required("unet.0.text")
        let timestep = Int(try x.required("unet.0.timestep").scalar)
        let latent = Variable(trainable: try x.image("unet.0.latent"))
        let output = model.unet(latent, timesteps: [timestep], text: text)
        let (a, b) = (try x.image("unet.0.out.cotangent"), try x.image("unet.0.feature.2.cotangent"))
        let pulled = gradients(
            of: [
                (output.noise, Tensor.stacked([a, Tensor.zeros(a.shape)])),
                (output.blockFeatures[2], Tensor.stacked([Tensor.zeros(b.shape), b])),
            ], withRespectTo: [latent])[0]
        #expect(relativeError(pulled.sample(0), try x.image("unet.0.out.vjp")) < Self.tolerance)
        #expect(relativeError(pulled.sample(1), try x.image("unet.0.feature.2.vjp")) < Self.tolerance)
    }

    @Test(arguments: Fixtures.families)
    func `the VAE encodes and decodes as the oracle does`(_ family: String) throws {
        let (model, x) = try load(family)
        let (mean, deviation) = model.vae.encode(try x.image("vae.encode.in"))
        #expect(relativeError(mean, try x.image("vae.encode.mean")) < Self.tolerance)
        #expect(relativeError(deviation, try x.image("vae.encode.std")) < Self.tolerance)
        let latent = Variable(trainable: try x.image("vae.decode.in"))
        let image = model.vae.decode(latent)
        #expect(relativeError(image.value, try x.image("vae.decode.out")) < Self.tolerance)
        let pulled = gradients(
            of: [(image, try x.image("vae.decode.out.cotangent"))], withRespectTo: [latent])[0]
        #expect(relativeError(pulled, try x.image("vae.decode.out.vjp")) < Self.tolerance)
    }

    @Test(arguments: Fixtures.families)
    func `CLIP embeds pictures and guides as the oracle does`(_ family: String) throws {
        let (model, x) = try load(family)
        let guide = try #require(model.guide)
        let pixels = Variable(trainable: try x.image("clip.image.in"))
        let embedding = guide.clip.embedding(ofNormalised: pixels)
        #expect(relativeError(embedding.value, try x.required("clip.image.out")) < Self.tolerance)
        let pulled = gradients(
            of: [(embedding, try x.required("clip.image.out.cotangent"))], withRespectTo: [pixels])[0]
        #expect(relativeError(pulled, try x.image("clip.image.out.vjp")) < Self.tolerance)

        let image = try x.image("clip.loss.in")
        let side = guide.clip.imageSize
        let resized = apply(Resize(height: side, width: side, .areaOrBilinear), Variable(image)).value
        #expect(relativeError(resized, try x.image("clip.loss.resized")) < Self.tolerance)
        for range in ["unit", "shifted"] {
            let guidance = ClipGuidance(
                guide.clip, target: try x.required("clip.loss.text"), weight: 300, shifted: range == "shifted"
            )
            let leaf = Variable(trainable: image)
            let (value, embedding, cotangent) = guidance.loss(leaf)
            let gradient = gradients(of: [(embedding, cotangent)], withRespectTo: [leaf])[0]
            let expected = Double(try x.required("clip.loss.\(range)").scalar)
            #expect(abs(value - expected) <= Self.tolerance * expected)
            #expect(relativeError(gradient, try x.image("clip.loss.\(range).gradient")) < Self.tolerance)
        }
    }

    @Test(arguments: Fixtures.families)
    func `prompts become the oracle's ids and states`(_ family: String) throws {
        let model = try DiffusionModel(folder: Fixtures.path("\(family)/model"))
        let guide = try #require(model.guide)
        let rows = try #require(try Fixtures.json("\(family)/text.json") as? [[String: Any]])
        let x = try Fixtures.tensors("\(family)/text.safetensors")
        let (states, clip) = (try x.required("text.states"), try x.required("clip.text"))
        #expect(rows.count >= 5)
        for (i, row) in rows.enumerated() {
            let prompt = try #require(row["prompt"] as? String)
            #expect(model.tokenizer.ids(prompt) == row["ids"] as? [Int], "\(prompt.debugDescription)")
            #expect(guide.tokenizer.ids(prompt) == row["clip_ids"] as? [Int], "\(prompt.debugDescription)")
            #expect(relativeError(model.textStates(prompt), states.sample(i)) < Self.tolerance)
            #expect(relativeError(guide.embedding(of: prompt), clip.sample(i)) < Self.tolerance)
        }
    }

    @Test(arguments: Fixtures.families)
    func `the noise schedule is the oracle's`(_ family: String) throws {
        let schedule = try DiffusionModel(folder: Fixtures.path("\(family)/model")).schedule
        let x = try Fixtures.tensors("\(family)/schedule.safetensors")
        #expect(relativeError(Tensor([1000], schedule.alphaBars), try x.required("alpha_bar")) < 1e-6)
        let timesteps = schedule.timesteps(stepCount: 50)
        #expect(timesteps == (try x.required("timesteps")).values.map { Int($0) })
        #expect(
            relativeError(Tensor([50], timesteps.map(schedule.alphaBar)), try x.required("alpha_bar_at"))
                < 1e-6)
        let before = timesteps.map { schedule.alphaBar($0 - schedule.stride(stepCount: 50)) }
        #expect(relativeError(Tensor([50], before), try x.required("alpha_bar_before")) < 1e-6)
    }

    @Test func `a pass that needs no gradient records nothing`() throws {
        let (model, x) = try load("starter")
        let output = model.unet(
            Variable(try x.image("unet.0.latent")), timesteps: [1], text: try x.required("unet.0.text"))
        #expect(!output.noise.requiresGradient)
        #expect(output.blockFeatures.allSatisfy { !$0.requiresGradient })
    }
}
