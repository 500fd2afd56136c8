import Verdicts

/// What an edit did, with the numbers that its three answers rest on (docs/algorithm.md section 7, docs/verdict.md).
public struct Verdict: Sendable {
    /// Whether one drag's content moved.
    public struct Movement: Sendable {
        /// Cosine of the source's feature at the handle point with the unedited reconstruction's at the target point.
        public var similarityBefore: Double
        /// The same with the result's.
        public var similarityAfter: Double
        /// The same with the reconstruction's at the handle point itself: what could be reached.
        public var similarityPossible: Double
        /// The answer.
        public var answer: EditVerdict.Movement
    }

    /// Whether the picture shows the edit prompt, by views of source, reconstruction and result.
    public struct Text: Codable, Sendable {
        /// CLIP's cosine with the edit prompt, the mean over all views.
        public var scoreSource, scoreReconstruction, scoreResult: Double
        /// Part of the views whose score rose over the reconstruction's.
        public var viewsRisen: Double
        /// The edit prompt's place among all texts that were compared, from 1, in the source and in the result.
        public var rankSource, rankResult: Int
        /// Texts that were compared, the edit prompt included.
        public var texts: Int

        enum CodingKeys: String, CodingKey {
            case scoreSource = "score_source"
            case scoreReconstruction = "score_reconstruction"
            case scoreResult = "score_result"
            case viewsRisen = "views_risen"
            case rankSource = "rank_source"
            case rankResult = "rank_result"
            case texts
        }
    }

    /// Whether the picture was damaged, against the source.
    public struct Damage: Codable, Sendable {
        /// Part of the changed content of the source that is nowhere near in the result.
        public var lost: Double
        /// Part of the changed content of the result that is nowhere near in the source.
        public var new: Double
        /// Mean absolute difference from the source outside what may change, 0…1.
        public var outside: Double
        /// Distance between the mean colours of source and result where something may change, 0…1.
        public var colour: Double
        /// Energy of the finest detail in the result, as a part of the source's, where something changed.
        public var sharpness: Double
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
