import Diffusion
import DragEditing
import Failures
import Foundation
import Imaging
import SpecParser
import EditJobs
import TensorCore

/// What the results of one case are measured by: its source's features and pixels, and its target.
struct CaseMeasures {
    /// The case's name.
    let name: String
    private let source: Tensor
    private let target: Pixels?
    private let matching: PointMatching?
    private let lpips: LPIPS?

    init(_ testCase: EvaluationCase, _ plan: JobPlan, _ model: DiffusionModel, _ lpips: LPIPS?)
        throws(Failure)
    {
        guard let image = plan.image else { preconditionFailure("an edit without a picture") }
        name = testCase.name
        source = Self.tensor(image)
        self.lpips = lpips
        matching =
            plan.drags.isEmpty
            ? nil : PointMatching(model, source: source, prompt: plan.parsed.spec.sourcePrompt ?? "")
        var target: Pixels?
        if let path = testCase.target {
            let picture = try Image(
                decoding: FileManager.default.contents(atPath: path).map { [UInt8]($0) } ?? [])
            guard (picture.width, picture.height) == (image.width, image.height) else {
                throw Failure(
                    .badJob, code: "evaluate.target_size",
                    message:
                        "\(path) has \(picture.width)×\(picture.height) pixels, the picture \(image.width)×\(image.height)",
                    file: path, hint: "Give a target of the picture's size.")
            }
            target = Pixels(width: picture.width, height: picture.height, values: picture.normalised)
        }
        self.target = target
    }

    /// Fills a row's measures for a result.
    func measure(_ result: Image, _ plan: JobPlan, into row: inout EvaluationRow) throws(Failure) {
        let edited = Self.tensor(result)
        let size = Size(height: result.height, width: result.width)
        let before = Pixels(width: size.width, height: size.height, values: source.values)
        let after = Pixels(width: size.width, height: size.height, values: edited.values)
        let mask = plan.mask ?? (plan.drags.isEmpty ? nil : EditMask.around(plan.drags, size: size))
        if let matching {
            (row.meanDistance, row.meanDistanceInMask) = matching.distances(
                in: edited, plan.drags, mask: mask)
        }
        row.imageFidelity = lpips?.fidelity(source, edited)
        if let mask {
            let outside = mask.values.map { !$0 }
            row.outsidePSNR = PictureMeasures.psnr(before, after, where: outside)
            row.outsideSSIM = PictureMeasures.ssim(before, after, where: outside)
        }
        if let target {
            let region = PictureMeasures.changed(before, target)
            row.targetPSNR = PictureMeasures.psnr(target, after, where: region)
            row.targetSSIM = PictureMeasures.ssim(target, after, where: region)
            row.sourcePSNR = PictureMeasures.psnr(target, before, where: region)
            row.sourceSSIM = PictureMeasures.ssim(target, before, where: region)
        }
    }

    private static func tensor(_ image: Image) -> Tensor {
        Tensor([1, image.height, image.width, 3], image.normalised)
    }
}
