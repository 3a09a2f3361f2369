"""The functions behind ``import acento``, one file for each job; tasks call the same steps.

They run in this process, without Prefect: progress goes to standard error, errors are :class:`AcentoError`.
"""
