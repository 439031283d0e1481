"""A dbt Python model, which opens a file where dbt was started."""


def model(dbt, session):
    dbt.config(materialized="table")
    frame = dbt.ref("stg_people").df()
    frame["twice"] = frame["amount"].astype(float) * 2
    open("data/local.csv").close()
    return frame
