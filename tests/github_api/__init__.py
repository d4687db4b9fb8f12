"""GitHub's REST API on loopback, as far as we use it: the same paths, shapes, limits and refusals.

Facts: GitHub docs, REST API, "Issue comments", "Pull requests", "Commit statuses", "Deployments", "Using pagination",
"Rate limits for the REST API", 2026-10.
"""

from github_api.server import Comment, Failure, GithubApi, serving

__all__ = ["Comment", "Failure", "GithubApi", "serving"]
