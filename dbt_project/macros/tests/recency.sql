{#-
    Fails when the newest value of a time column is more than `interval` dateparts older than the as-of time, or when
    there is none at all. Judged at as_of() and not at now(), so that yesterday's data, checked again next year as of
    yesterday, is as fresh as it was.
-#}
{% test recency(model, column_name, datepart, interval) %}
    select max({{ column_name }}) as newest, {{ as_of() }} as as_of
    from {{ model }}
    having
        max({{ column_name }}) is null
        or max({{ column_name }})
        < {{ as_of() }} - interval '{{ interval }} {{ datepart }}'
{% endtest %}
