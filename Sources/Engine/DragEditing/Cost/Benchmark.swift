import Diffusion
import Foundation
import Settings
import TensorCore

/// The heavy steps of an edit, each timed by itself.
public struct Benchmark {
    /// What can be measured.
    public enum Step: String, CaseIterable, Sendable {
        case unetForward = "unet_forward"
        case unetForward2VJP = "unet_forward_2vjp"
        case vaeDecodeVJP = "vae_decode_vjp"
        case clip
        case dragIteration = "drag_iteration"
        /// The same with `guidance_decoder: small`.
        case dragIterationSmallGuidance = "drag_iteration_small_guidance"
        case loraStep = "lora_step"
        case inversionStep = "inversion_step"
        case samplingStep = "sampling_step"
        /// A whole edit with few steps: for its peak memory, which does not grow with the steps.
        case edit

        /// What is measured unless others are asked for: the parts of an edit, each once.
        public static let parts = allCases.filter { $0 != .edit && $0 != .dragIterationSmallGuidance }
    }

    /// One measurement.
    public struct Measurement: Sendable {
        /// What was measured.
        public var step: Step
        /// Side of the picture, pixels.
        public var pixels: Int
        /// The best run's and all runs' mean time, seconds.
        public var best, mean: Double
        /// Floating-point operations of one run, as if all products were done directly.
        public var operations: Double
        /// Drag iterations that a run did; nil for other steps.
        public var iterations: Int?
    }

    private let model: DiffusionModel
    private let latentSize: Size
    private let pairs: Int
    private let settings: EditSettings
    private let method: any DragMethod
    private let latent, text: Tensor

    /// Measurements on a latent of a size.
    ///
    /// - Parameters:
    ///   - pairs: drags of the drag loop.
    ///   - settings: of the drag loop (as many iterations as `dragStepLimit` says) and of fine-tuning (one step).
    ///   - method: whose steps a drag iteration is.
    public init(
        _ model: DiffusionModel, latent size: Size, pairs: Int, settings: EditSettings,
        method: any DragMethod = DragMethods.standard
    ) {
        self.model = model
        self.pairs = pairs
        self.settings = settings
        self.method = method
        latentSize = size
        var generator = SeededGenerator(seed: 1)
        latent = generator.normal([1, size.height, size.width, model.unet.latentChannels])
        text = model.textStates("a picture")
    }

    /// Measurements on a square picture of `pixels` a side, with `pairs` drags and `iterations` of the drag loop.
    public init(_ model: DiffusionModel, pixels: Int, pairs: Int = 1, iterations: Int = 1) {
        var settings = EditSettings()
        settings.dragStepLimit = iterations
        let side = pixels / model.vae.downFactor
        self.init(model, latent: Size(height: side, width: side), pairs: pairs, settings: settings)
    }

    /// Times a step: one run to warm up, then `runs`.
    ///
    /// - Throws: what the step throws: nothing that depends on values.
    public func measure(_ step: Step, runs: Int) throws -> Measurement {
        let clock = ContinuousClock()
        var times: [Double] = []
        var operations = 0.0
        var done: Int?
        for run in 0...runs {
            let (start, before) = (clock.now, Kernels.workDone)
            done = try perform(step)
            operations = Kernels.workDone - before
            if run > 0 || runs == 0 { times.append(seconds(since: start, clock)) }
        }
        return Measurement(
            step: step, pixels: size.width, best: times.min() ?? 0,
            mean: times.reduce(0, +) / Double(max(times.count, 1)), operations: operations, iterations: done)
    }

    /// Returns the drag iterations that were done, where the step is of any.
    @discardableResult
    func perform(_ step: Step) throws -> Int? {
        switch step {
        case .unetForward: _ = model.unet(Variable(latent), timesteps: [681], text: text)
        case .unetForward2VJP:
            let z = Variable(trainable: latent)
            let output = model.unet(z, timesteps: [681], text: text)
            let block = output.blockFeatures[min(3, output.blockFeatures.count - 1)]
            _ = gradients(
                of: [
                    (output.noise, .stacked([.zeros(latent.shape), Tensor(latent.shape, repeating: 1)])),
                    (block, .stacked([Tensor(block.shape, repeating: 1), .zeros(block.shape)])),
                ], withRespectTo: [z])
        case .vaeDecodeVJP:
            let z = Variable(trainable: latent)
            let picture = model.decode(z)
            _ = gradients(of: [(picture, Tensor(picture.shape, repeating: 1))], withRespectTo: [z])
        case .clip:
            guard let clip = model.guide?.clip else { return nil }
            let picture = Variable(trainable: Tensor([1, clip.imageSize, clip.imageSize, 3], repeating: 0.5))
            let embedding = clip.embedding(of: picture)
            _ = gradients(of: [(embedding, embedding.value)], withRespectTo: [picture])
        case .dragIteration: return try drag(settings)
        case .dragIterationSmallGuidance:
            var settings = settings
            settings.guidanceDecoder = .small
            return try drag(settings)
        case .edit: return try edit()
        case .loraStep:
            var settings = settings.lora
            settings.steps = 1
            var draws = RandomDraws(seed: 1, trainingSteps: model.schedule.trainingSteps)
            _ = FineTuning(model, settings).train(
                posterior: (latent, Tensor(latent.shape, repeating: 0.1)), text: text, draws: &draws,
                report: { _ in })
        case .inversionStep:
            var settings = EditSettings()
            (settings.stepCount, settings.inversionStrength) = (50, 0.02)
            _ = try Inversion(model, settings).path(from: latent, text: text, report: { _ in })
        case .samplingStep:
            var settings = EditSettings()
            (settings.stepCount, settings.inversionStrength, settings.controlStartStep) = (50, 0.02, 0)
            _ = ReferenceSampling(model, try Inversion(model, settings), settings).sample(
                reference: latent, edit: latent, text: text, report: { _ in })
        }
        return nil
    }

    /// The picture's size.
    private var size: Size {
        Size(
            height: latentSize.height * model.vae.downFactor, width: latentSize.width * model.vae.downFactor)
    }

    /// Drags spread over the picture in rows, each by a third of its place's sides.
    private var drags: [Drag] {
        let across = Int(Double(pairs).squareRoot().rounded(.up))
        return (0..<pairs).map { i in
            func point(_ part: Double) -> ImagePoint {
                ImagePoint(
                    x: (Double(i % across) + part) / Double(across) * Double(size.width),
                    y: (Double(i / across) + part) / Double(across) * Double(size.height))
            }
            return Drag(from: point(1.0 / 3), to: point(2.0 / 3))
        }
    }

    private func edit() throws -> Int {
        var generator = SeededGenerator(seed: 2)
        var settings = settings
        (settings.lora.steps, settings.stepCount, settings.inversionStrength) = (2, 50, 0.06)
        let image = generator.normal([1, size.height, size.width, 3]).mapped {
            min(max(0.5 + 0.2 * $0, 0), 1)
        }
        return try DragEditor(model).edit(
            EditRequest(image: image, sourcePrompt: "a picture", drags: drags, settings: settings)
        ).record.steps
    }

    /// nil for a method whose steps are not timed.
    private func drag(_ settings: EditSettings) throws -> Int? {
        guard method.cost(settings).isTimed else { return nil }
        let grid = FeatureGrid(working: size, image: size)
        let guide = method.needs(settings).guide ? model.guide : nil
        var task = DragTask(
            inverted: latent, timestep: 681, text: text,
            wish: guide.map { Tensor([1, $0.clip.embeddingWidth], repeating: 1) }, hasEditPrompt: false,
            handles: drags.map { HandlePoint($0, on: grid) }, grid: grid)
        task.source = latent
        return try method.edit(task, settings, model, MethodRun()).record.steps
    }
}
