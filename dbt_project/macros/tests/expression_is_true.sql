{#-
    Fails for every row for which the expression is not true. An expression that comes to null is not true: a rule that
    cannot be judged has not been kept. On a column the expression follows its name, as in `expression: ">= 0"`.
-#}
{% test expression_is_true(model, expression, column_name=none) %}
    select *
    from {{ model }}
    where ({{ column_name or "" }} {{ expression }}) is not true
{% endtest %}
