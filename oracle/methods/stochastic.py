"""The stochastic way there and back of SDE-Drag and RegionDrag, with the noise written out."""
import torch


def timesteps(models, settings):
    """The n = round(strength · N) smallest timesteps, ascending, and their stride."""
    n = round(settings.inversion_strength * settings.num_steps)
    return models.schedule.timesteps(settings.num_steps)[::-1][:n], models.schedule.total // settings.num_steps


def forward(models, clean, steps, stride, draws):
    """x_0 … x_n by the forward SDE. draws: the noise of each step."""
    path = [clean]
    for t, noise in zip(steps, draws):
        kept = models.schedule.at(t) / models.schedule.at(t - stride)
        path.append(kept.sqrt() * path[-1] + (1 - kept).sqrt() * noise)
    return path


def reverse(models, x, output, t, stride, noise):
    """One step of the reverse SDE (η = 1) from t, with a given noise."""
    sch = models.schedule
    a_t, a_s = sch.at(t), sch.at(t - stride)
    x0, eps = sch.split(output, x, a_t)
    sigma = ((1 - a_s) / (1 - a_t)).sqrt() * (1 - a_t / a_s).sqrt()
    return a_s.sqrt() * x0 + (1 - a_s - sigma ** 2).clamp(min=0).sqrt() * eps + sigma * noise


def implied(models, x_t, x_s, output, t, stride):
    """The noise with which the reverse SDE carries x_t to x_s."""
    sch = models.schedule
    a_t, a_s = sch.at(t), sch.at(t - stride)
    sigma = ((1 - a_s) / (1 - a_t)).sqrt() * (1 - a_t / a_s).sqrt()
    return (x_s - reverse(models, x_t, output, t, stride, torch.zeros_like(x_t))) / sigma
