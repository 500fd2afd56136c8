import Failures
import Settings
import TensorCore

/// The updates of a latent: both gradients fused (eq. 6) and given to Adam, with what the record and the trace say of it.
struct LatentUpdates {
    private let settings: EditSettings
    private let trace: Trace
    /// Where the text's gradient counts (`clip_area`).
    private var area: StrongestCells

    init(_ settings: EditSettings, _ trace: Trace) {
        self.settings = settings
        self.trace = trace
        area = StrongestCells(settings.clipArea)
    }

    /// Updates `z`, `(1, h, w, 4)`.
    ///
    /// - Throws: `edit.not_finite` when the latent is no longer a number.
    mutating func update(
        _ z: inout Tensor, _ adam: inout Adam, _ row: inout EditRecord.Iteration, _ gradients: Pass.Gradients
    ) throws(Failure) {
        let text = gradients.text.map { area.limited($0) }
        let (fused, cosine) = GradientFusion(settings).fuse(drag: gradients.drag, text: text)
        z = adam.step(z, gradient: fused)
        guard z.isFinite else {
            throw Failure(
                .badJob, code: "edit.not_finite",
                message: "the latent is no longer finite after \(row.k + 1) drag steps",
                hint: "Lower latent_lr, clip_weight or lambda.")
        }
        row.numbers["motion_loss"] = gradients.motionLoss
        row.numbers["clip_loss"] = gradients.clipLoss
        row.numbers["cosine"] = cosine
        row.numbers["local_norm"] = gradients.drag.norm
        row.numbers["global_norm"] = text?.norm
        row.updateNorm = fused.norm
        trace(traceName(row.k, "grad_local"), gradients.drag)
        if let text { trace(traceName(row.k, "grad_global"), text) }
        trace(traceName(row.k, "grad"), fused)
    }
}

/// A tensor's name in the trace of an iteration.
func traceName(_ k: Int, _ what: String) -> String {
    let number = String(repeating: "0", count: max(0, 4 - String(k).count)) + String(k)
    return "iter.\(number).\(what)"
}
