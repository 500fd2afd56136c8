import Diffusion
import Failures
import Settings
import TensorCore

/// A way to edit the latent between inversion and sampling, so that content moves from the handle points to the target
/// points. One folder holds one method, and `DragMethods` lists them; every other stage is the same for all methods.
public protocol DragMethod: Sendable {
    /// Its name in specs and on the command line (`method`).
    var name: String { get }
    /// Names of the settings that it reads. `EditSettings.stageSettingNames` are not among them: the other stages read those.
    var settingNames: Set<String> { get }
    /// Names of the numbers that it records in every iteration, in the order in which they are listed.
    var numberNames: [String] { get }

    /// What it needs with these settings.
    func needs(_ settings: EditSettings) -> MethodNeeds
    /// What it computes with these settings.
    func cost(_ settings: EditSettings) -> MethodCost
    /// What it computes for drags of which the longest spans `cells` of the latent.
    func cost(_ settings: EditSettings, longestDrag cells: Double) -> MethodCost
    /// Whether an edit has what the method works on.
    ///
    /// - Throws: `edit.no_drags`, `edit.no_mask`, `edit.no_regions` or `edit.no_text`.
    func check(_ input: MethodInput, _ settings: EditSettings) throws(Failure)
    /// What a person should know before these drags are edited with these settings.
    func notes(_ handles: [HandlePoint], _ settings: EditSettings) -> [String]

    /// Edits the latent.
    ///
    /// - Parameter model: with the identity's LoRA in its U-Net.
    /// - Throws: `Failure`, or what `run.report` throws.
    func edit(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ run: MethodRun
    ) throws -> EditedLatent
}

extension DragMethod {
    public func notes(_ handles: [HandlePoint], _ settings: EditSettings) -> [String] { [] }

    public func cost(_ settings: EditSettings, longestDrag cells: Double) -> MethodCost { cost(settings) }

    public func check(_ input: MethodInput, _ settings: EditSettings) throws(Failure) {}

    /// The same settings without the work that the method has no need of.
    public func adjusted(_ settings: EditSettings) -> EditSettings {
        var adjusted = settings
        let needs = needs(settings)
        if !needs.fineTuning { adjusted.lora.steps = 0 }
        if !needs.stretching { adjusted.warp = 0 }
        return adjusted
    }
}

/// What an edit gives a method to work on.
public struct MethodInput: Sendable {
    /// What is to move.
    public var drags: [Drag]
    /// The given mask.
    public var mask: EditMask?
    /// Whether there is a P_e.
    public var hasEditPrompt: Bool

    /// What an edit gives.
    public init(drags: [Drag], mask: EditMask?, hasEditPrompt: Bool) {
        self.drags = drags
        self.mask = mask
        self.hasEditPrompt = hasEditPrompt
    }
}

/// What a method needs.
public struct MethodNeeds: Sendable, Equatable {
    /// A CLIP model that compares the picture with P_e. Without one the edit is the error `edit.no_guide`.
    public var guide: Bool
    /// How a job does without a guide: the beginning of that error's hint.
    public var guideHint: String
    /// Fine-tuning to the picture's identity (docs/algorithm.md section 1).
    public var fineTuning: Bool
    /// Whether it holds still what the mask excludes.
    public var mask: Bool
    /// The picture's DDIM inversion (docs/algorithm.md section 2). Without it `DragTask.inverted` is the picture's own latent.
    public var inversion: Bool
    /// Sampling beside the reference (docs/algorithm.md section 4). A method without it gives the finished picture's latent.
    public var sampling: Bool
    /// Whether it may begin at a picture that `warp` has stretched.
    public var stretching: Bool
    /// Whether it reads the regions of drags; other methods move their middles.
    public var regions: Bool

    /// What a method needs.
    public init(
        guide: Bool = false, guideHint: String = "", fineTuning: Bool = true, mask: Bool = false,
        inversion: Bool = true, sampling: Bool = true, stretching: Bool = true, regions: Bool = false
    ) {
        self.guide = guide
        self.guideHint = guideHint
        self.fineTuning = fineTuning
        self.mask = mask
        self.inversion = inversion
        self.sampling = sampling
        self.stretching = stretching
        self.regions = regions
    }
}

/// What a method computes, for forecast and budget.
public struct MethodCost: Sendable, Equatable {
    /// Steps at most.
    public var steps: Int
    /// One of them.
    public var step: Work
    /// What it computes besides its steps, in a run of one step too.
    public var fixed: Work
    /// Whether a budget may leave steps out.
    public var isCuttable: Bool
    /// Whether a step is timed for a forecast. One that is not, because it is long, is priced by its passes.
    public var isTimed: Bool
    /// Names of the settings that decide how long a step takes: a measured pace holds where they are equal.
    public var stepSettingNames: [String]

    /// `steps` steps at most.
    public init(
        steps: Int, step: Work, fixed: Work = Work(), isCuttable: Bool = true, isTimed: Bool = true,
        stepSettingNames: [String] = []
    ) {
        self.steps = steps
        self.step = step
        self.fixed = fixed
        self.isCuttable = isCuttable
        self.isTimed = isTimed
        self.stepSettingNames = stepSettingNames
    }
}

/// What a method works on.
public struct DragTask: Sendable {
    /// z^0, `(1, h, w, 4)`: the inverted latent of the picture; for a method without inversion its own latent z_0.
    public var inverted: Tensor
    /// The inverted latent of the stretched picture, where `warp` asks for one: the edit begins there.
    public var stretched: Tensor?
    /// The timestep of both.
    public var timestep: Timestep
    /// States of P_o, `(1, tokens, width)`.
    public var text: Tensor
    /// E_T(P_e), `(1, width)`; nil where the method needs no guide.
    public var wish: Tensor?
    /// E_T(P_o), `(1, width)`; nil like `wish`.
    public var described: Tensor?
    /// The source picture at working size, `(1, h, w, 3)` in [0, 1]; nil where nothing compares with it.
    public var picture: Tensor?
    /// The seed of what a method draws.
    public var seed: UInt64
    /// Whether the request has a P_e of its own.
    public var hasEditPrompt: Bool
    /// P_o and P_e; without a P_e both are P_o.
    public var prompts: (source: String, edit: String) = ("", "")
    /// Handle points and target points on the grid. A stretched picture has its handle points moved along.
    public var handles: [HandlePoint]
    /// The feature grid.
    public var grid: FeatureGrid
    /// Where the picture may change, at the latent's size; nil: everywhere.
    public var mask: EditMask?
    /// The regions of each drag at the latent's size; nil for a drag of points.
    public var regions: [RegionPair?] = []
    /// z_0, `(1, h, w, 4)`: the picture's own latent.
    public var source: Tensor?
    /// The fine-tuned LoRA, which the model's U-Net has already; nil without one.
    public var lora: LoRA?

    /// A task.
    public init(
        inverted: Tensor, stretched: Tensor? = nil, timestep: Timestep, text: Tensor, wish: Tensor?,
        described: Tensor? = nil, picture: Tensor? = nil, seed: UInt64 = 42, hasEditPrompt: Bool,
        handles: [HandlePoint], grid: FeatureGrid, mask: EditMask? = nil
    ) {
        self.inverted = inverted
        self.stretched = stretched
        self.timestep = timestep
        self.text = text
        self.wish = wish
        self.described = described
        self.picture = picture
        self.seed = seed
        self.hasEditPrompt = hasEditPrompt
        self.handles = handles
        self.grid = grid
        self.mask = mask
    }

    /// Where the edit begins.
    public var start: Tensor { stretched ?? inverted }

    /// Whether a stretch has put every handle at its target.
    func isStretchedWhole(_ settings: EditSettings) -> Bool {
        stretched != nil && handles.allSatisfy { $0.position.distance(to: $0.target) < settings.reach }
    }
}

/// A method's way to the outside while it runs.
public struct MethodRun {
    /// Receives intermediate tensors, channels-last, by the oracle's names.
    public var trace: Trace
    /// Asked before every step; true ends the edit with the best so far.
    public var isOutOfTime: () -> Bool
    /// Standard normal values of a shape, by the name of what they are drawn for.
    public var draw: (_ name: String, _ shape: [Int]) -> Tensor
    /// Called after every step with its number from 1. What it throws ends the edit.
    public var report: (Int) throws -> Void

    /// A run; by default one that nobody watches.
    public init(
        trace: Trace = Trace(), isOutOfTime: @escaping () -> Bool = { false },
        draw: @escaping (_ name: String, _ shape: [Int]) -> Tensor = MethodRun.draws(seed: 42),
        report: @escaping (Int) throws -> Void = { _ in }
    ) {
        self.trace = trace
        self.isOutOfTime = isOutOfTime
        self.draw = draw
        self.report = report
    }

    /// Draws from a seeded generator, in the order in which they are asked for.
    public static func draws(seed: UInt64) -> (_ name: String, _ shape: [Int]) -> Tensor {
        var generator = SeededGenerator(seed: seed)
        return { _, shape in generator.normal(shape) }
    }
}

/// What a method gives.
public struct EditedLatent: Sendable {
    /// z^K, `(1, h, w, 4)`.
    public var latent: Tensor
    /// What the source's latent has become where the method has denoised both on the way; nil: the inverted latent. Its keys and
    /// values control the sampling.
    public var reference: Tensor?
    /// How many of the sampling steps the method has done.
    public var sampledSteps: Int
    /// How it came about.
    public var record: EditRecord

    /// An edited latent.
    ///
    /// - Parameters:
    ///   - reference: nil: the inverted latent.
    ///   - sampledSteps: the sampling steps that are done.
    public init(latent: Tensor, reference: Tensor? = nil, sampledSteps: Int = 0, record: EditRecord) {
        self.latent = latent
        self.reference = reference
        self.sampledSteps = sampledSteps
        self.record = record
    }
}
