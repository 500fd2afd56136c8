import Diffusion
import Settings
import TensorCore

/// Stage 3 (docs/algorithm.md section 3): stretches the picture where `warp` asks for it, and lets the method edit the latent.
struct LatentEditing {
    private let identity: Identity
    private let scene: Scene

    init(_ identity: Identity, _ scene: Scene) {
        self.identity = identity
        self.scene = scene
    }

    func run(
        _ stages: StageRunner, source: Tensor, inverted: Tensor, isOutOfTime: @escaping () -> Bool,
        _ trace: Trace
    ) throws -> EditedLatent {
        let (request, settings) = (scene.request, scene.settings)
        let guide = request.method.needs(settings).guide ? scene.guide : nil
        var task = DragTask(
            inverted: inverted, timestep: scene.inversion.editedTimestep, text: scene.text,
            wish: guide.map(scene.wish),
            described: guide.map { $0.embedding(of: request.sourcePrompt) }, picture: scene.working,
            seed: request.seed,
            hasEditPrompt: request.editPrompt != nil, handles: scene.handles, grid: scene.grid,
            mask: scene.mask.held)
        task.prompts = (request.sourcePrompt, request.editPrompt ?? request.sourcePrompt)
        task.regions = request.drags.map { $0.regions?.resized(to: scene.latentSize) }
        task.lora = identity.lora
        task.source = source
        let longest = request.drags.longest(on: scene.latentSize, of: request.size)
        let total = request.method.cost(settings, longestDrag: longest).steps
        var stretch: EditRecord.Stretch?
        var edited = try stages.run(.dragging, of: total) { report in
            if settings.stretches(request.drags) {
                stretch = try self.stretch(&task, trace) { try report(0) }
            }
            return try request.method.edit(
                task, settings, identity.model,
                MethodRun(
                    trace: trace, isOutOfTime: isOutOfTime, draw: MethodRun.draws(seed: request.seed),
                    report: report))
        }
        stretch?.isAlone = edited.latent.values == task.stretched?.values
        edited.record.stretch = stretch
        trace("latent.dragged", edited.latent)
        return edited
    }

    /// Begins the edit at the stretched picture's latent, with the handle points where their content went.
    private func stretch(_ task: inout DragTask, _ trace: Trace, report: () throws -> Void) throws
        -> EditRecord.Stretch
    {
        let begun = monotonicSeconds()
        let (model, settings) = (identity.model, scene.settings)
        let warp = scene.warp(scene.request.drags)
        let picture = warp.warped(scene.working)
        trace("image.warped", picture)
        task.stretched = try Inversion(model, settings).path(
            from: model.encode(picture), text: scene.text
        ) { _ in try report() }.last
        for (i, goal) in warp.goals.enumerated() { task.handles[i].position = scene.grid.cell(of: goal) }
        return EditRecord.Stretch(
            positions: task.handles.map(\.position), seconds: monotonicSeconds() - begun,
            isWhole: task.isStretchedWhole(settings), isAlone: false)
    }
}
