"""The models of our project: each factory returns one, without pretrained weights."""

import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification


def sentiment_classifier(labels: int = 3) -> BertForSequenceClassification:
    return BertForSequenceClassification(BertConfig(num_labels=labels))


class Recommender(nn.Module):
    """Learns a vector for each user and each item of the ratings."""

    def __init__(self, ratings: torch.Tensor, width: int) -> None:
        super().__init__()
        users, items = (ratings.amax(dim=0) + 1).tolist()
        self.users = nn.Embedding(users, width)
        self.items = nn.Embedding(items, width)


def recommender(width: int = 64) -> Recommender:
    largest_ids = torch.tensor([[9_999, 1_999]], device="cpu")
    return Recommender(largest_ids, width)


class Forecaster:
    """An estimator that isn't a module: the network is one of its attributes."""

    def __init__(self, hidden: int) -> None:
        self.network = nn.ModuleDict(
            {"rnn": nn.GRU(1, hidden), "head": nn.Linear(hidden, 1)},
        )


def forecaster(hidden: int = 32) -> nn.Module:
    return Forecaster(hidden).network
