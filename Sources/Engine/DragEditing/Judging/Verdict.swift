import Verdicts

/// What an edit did, with the numbers that its three answers rest on (docs/algorithm.md section 7, docs/verdict.md).
public struct Verdict: Sendable {
    /// Whether one drag's content moved.
    public struct Movement: Sendable {
        /// Where the source's pixels around the handle point are found, as a part of the drag: 1 at the target point.
        public var part: Double
        /// Root mean square difference of those pixels there, 0…1.
        public var mismatch: Double
        /// Cosine of the source's feature at the handle point with the unedited reconstruction's at the target point.
        public var similarityBefore: Double
        /// The same with the result's.
        public var similarityAfter: Double
        /// The same with the reconstruction's at the handle point itself: what could be reached.
        public var similarityPossible: Double
        /// The answer.
        public var answer: EditVerdict.Movement
    }

    /// How much more a picture shows P_e than P_o: P_e's score above P_o's, divided by the distance of the two texts' directions.
    public struct Contrast: Codable, Sendable {
        /// The mean over all views.
        public var source, reconstruction, result: Double
        /// Part of the views in which it rose over the source's.
        public var viewsRisen: Double

        enum CodingKeys: String, CodingKey {
            case source, reconstruction, result
            case viewsRisen = "views_risen"
        }
    }

    /// How well source, reconstruction and result show the edit prompt, by several views of each.
    public struct Text: Codable, Sendable {
        /// CLIP's cosine with the edit prompt, the mean over all views.
        public var scoreSource, scoreReconstruction, scoreResult: Double
        /// The score above the mean of other texts' scores, in their standard deviations.
        public var standingSource, standingReconstruction, standingResult: Double
        /// The score above the source prompt's, in the same unit.
        public var leadSource, leadResult: Double
        /// The edit prompt against the source prompt; nil: CLIP takes the two for the same, or an older program judged.
        public var contrast: Contrast?
        /// Part of the views in which the score rose over the source's.
        public var viewsRisen: Double
        /// The edit prompt's place among all texts that were compared, from 1.
        public var rankSource, rankResult: Int
        /// Texts that were compared, the edit prompt included.
        public var texts: Int

        enum CodingKeys: String, CodingKey {
            case scoreSource = "score_source"
            case scoreReconstruction = "score_reconstruction"
            case scoreResult = "score_result"
            case standingSource = "standing_source"
            case standingReconstruction = "standing_reconstruction"
            case standingResult = "standing_result"
            case leadSource = "lead_source"
            case leadResult = "lead_result"
            case contrast
            case viewsRisen = "views_risen"
            case rankSource = "rank_source"
            case rankResult = "rank_result"
            case texts
        }
    }

    /// The result's outlines against the source's. A thing that takes another colour keeps its outlines; a torn one has outlines
    /// where there were none.
    public struct Outlines: Codable, Sendable {
        /// Correlation of both pictures' outlines, blurred a little; 1: the same.
        public var likeness: Double
        /// Strong outlines that the source lacks, as a part of the source's strong outlines.
        public var new: Double
        /// The strength of all outlines, as a part of the source's.
        public var strength: Double
    }

    /// What speaks for damage, measured against the source. Parts and differences are 0…1.
    public struct Damage: Codable, Sendable {
        /// Part of the picture that changed.
        public var changed: Double
        /// Part of the source's changed content that is nowhere near in the result.
        public var lost: Double
        /// Part of the result's changed content that is nowhere near in the source.
        public var new: Double
        /// How far the colours of the same content went.
        public var colour: Double
        /// Energy of the finest detail where something changed, as a part of the source's.
        public var sharpness: Double
        /// Mean absolute difference outside what may change.
        public var outside: Double
        /// The outlines; nil: the job has no edit prompt.
        public var outlines: Outlines?
    }

    /// Mean absolute change against the reconstruction inside the edited region and outside, and the reconstruction's own
    /// difference from the source inside, 0…1.
    public struct Change: Codable, Sendable {
        public var inside, outside, noise: Double
    }

    /// The three answers.
    public var answers: EditVerdict
    /// One per drag.
    public var movements: [Movement]
    /// nil: the job has no edit prompt, or the model no CLIP.
    public var text: Text?
    /// What damage rests on.
    public var damage: Damage
    /// How much changed where.
    public var change: Change
}
