import Settings

/// Work, counted in the operations that take nearly all of an edit's time.
public struct Work: Sendable, Equatable {
    /// Passes of the U-Net over one latent, and pull-backs of one cotangent through it.
    public var passes, pullBacks: Int
    /// Pictures that the VAE decodes; a pull-back through its decoder counts as one more.
    public var decodes: Int

    /// No work, or what is named.
    public init(passes: Int = 0, pullBacks: Int = 0, decodes: Int = 0) {
        self.passes = passes
        self.pullBacks = pullBacks
        self.decodes = decodes
    }

    static func += (sum: inout Work, more: Work) {
        sum.passes += more.passes
        sum.pullBacks += more.pullBacks
        sum.decodes += more.decodes
    }

    static func * (count: Int, work: Work) -> Work {
        Work(
            passes: count * work.passes, pullBacks: count * work.pullBacks, decodes: count * work.decodes)
    }
}

/// What an edit computes, stage by stage. Forecast, `budget` and `check` all read this one count.
public struct EditCost: Sendable, Equatable {
    /// A stage: work that it always does, and steps that a budget may cut.
    public struct Stage: Sendable, Equatable {
        /// What cannot be cut.
        public var fixed = Work()
        /// Steps at most.
        public var steps = 0
        /// One of them.
        public var step = Work()
    }

    /// Every stage.
    public let stages: [EditProgress.Stage: Stage]

    /// The work of an edit.
    ///
    /// - Parameters:
    ///   - isStretched: whether the drag begins at a stretched picture, which needs an inversion of its own.
    ///   - isWishSampled: whether P_e guides the sampling, which samples the edit again.
    ///   - longestDrag: cells of the latent that the longest drag spans.
    public init(
        _ settings: EditSettings, _ method: any DragMethod, isStretched: Bool, isWishSampled: Bool = false,
        longestDrag: Double = 0
    ) {
        let timesteps = settings.invertedStepCount
        let lora = method.adjusted(settings).lora
        let drag = method.cost(settings, longestDrag: longestDrag)
        let needs = method.needs(settings)
        var fixed = Work(passes: isStretched ? timesteps : 0)
        fixed += drag.fixed
        if !drag.isCuttable { fixed += drag.steps * drag.step }
        stages = [
            // A sample of training: a pass, and about two more on the way back.
            .fineTuning: Stage(steps: lora.steps, step: Work(passes: lora.batch, pullBacks: 2 * lora.batch)),
            .inverting: Stage(fixed: Work(passes: needs.inversion ? timesteps : 0)),
            .dragging: Stage(fixed: fixed, steps: drag.isCuttable ? drag.steps : 0, step: drag.step),
            .sampling: Stage(
                fixed: needs.sampling
                    ? Self.sampling(timesteps, isWishSampled ? settings.textLayout : nil) : Work()),
            // Four noised copies each of source, reconstruction and result.
            .judging: Stage(fixed: Work(passes: 12, decodes: 2)),
        ]
    }

    /// How often the edit is sampled under P_e, at most.
    static func guidedSamplings(_ layout: EditSettings.TextLayout) -> Int { layout == .auto ? 2 : 1 }

    /// Reference and edit, then the edit under P_e. `auto` samples it free and may draw it anew, and compares pictures.
    private static func sampling(_ timesteps: Int, _ layout: EditSettings.TextLayout?) -> Work {
        switch layout {
        case nil: Work(passes: 2 * timesteps)
        case .free, .kept: Work(passes: 5 * timesteps)
        case .redrawn: Work(passes: 4 * timesteps, decodes: 1)
        case .auto: Work(passes: 7 * timesteps + TextLikelihood.passes, decodes: 4)
        }
    }
}

extension [Drag] {
    /// Cells of the latent that the longest drag spans.
    ///
    /// - Parameters:
    ///   - size: of the picture that the drags are measured in.
    ///   - latent: the latent's size.
    public func longest(on latent: Size, of size: Size) -> Double {
        map { drag in
            let rows = (drag.target.y - drag.handle.y) * Double(latent.height) / Double(size.height)
            let columns = (drag.target.x - drag.handle.x) * Double(latent.width) / Double(size.width)
            return (rows * rows + columns * columns).squareRoot()
        }.max() ?? 0
    }
}

extension EditSettings {
    /// Whether the drag begins at a stretched picture: `warp` without drags stretches nothing.
    public func stretches(_ drags: [Drag]) -> Bool { warp > 0 && !drags.isEmpty }

    /// Whether an edit prompt, where there is one, guides the sampling.
    public func samplesWish(_ editPrompt: String?) -> Bool { textSampling > 0 && editPrompt != nil }
}
